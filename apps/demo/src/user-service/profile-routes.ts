import { databaseOf } from '@portcullis/sql'
import type { FastifyInstance } from 'fastify'
import { callerOf, forUsers } from '../caller.ts'
import { answerProblem, problemSchema } from '../problem.ts'
import { noQuery, userAnswer, usersQuery } from './schemas.ts'
import { findUser, searchUsers } from './users.ts'

/** Who am I, and who else is there. */
export function profileRoutes(app: FastifyInstance): void {
  const database = databaseOf(app)
  app.get(
    '/api/profile',
    {
      config: forUsers('profile:read'),
      schema: { querystring: noQuery, response: { 200: userAnswer, 404: problemSchema } },
    },
    async (request, reply) => {
      const user = await findUser(database, callerOf(request))
      // The access token outlives a deleted user by minutes.
      return user ?? answerProblem(reply, 404, 'DEMO_USER_UNKNOWN', 'There is no such user.')
    },
  )

  app.get<{ Querystring: { search?: string; sort?: string } }>(
    '/api/users',
    {
      config: forUsers('users:read'),
      schema: { querystring: usersQuery, response: { 200: { type: 'array', items: userAnswer } } },
    },
    ({ query }) => searchUsers(database, query.search ?? '', query.sort ?? 'id'),
  )
}
