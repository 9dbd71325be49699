import type { FastifyInstance } from 'fastify'
import { callerOf, forUsers } from '../caller.ts'
import { answerProblem, problemSchema } from '../problem.ts'
import { noQuery, userAnswer, usersQuery } from './schemas.ts'
import type { UserServiceParts } from './service.ts'
import { findUser, searchUsers, type UserOrder } from './users.ts'

/** Who am I, and who else is there. */
export function profileRoutes(app: FastifyInstance, { pool }: UserServiceParts): void {
  app.get(
    '/api/profile',
    {
      config: forUsers('profile:read'),
      schema: { querystring: noQuery, response: { 200: userAnswer, 404: problemSchema } },
    },
    async (request, reply) => {
      const user = await findUser(pool, callerOf(request))
      // The access token outlives a deleted user by minutes.
      return user ?? answerProblem(reply, 404, 'DEMO_USER_UNKNOWN', 'There is no such user.')
    },
  )

  app.get<{ Querystring: { search?: string; sort?: UserOrder } }>(
    '/api/users',
    {
      config: forUsers('users:read'),
      schema: { querystring: usersQuery, response: { 200: { type: 'array', items: userAnswer } } },
    },
    ({ query }) => searchUsers(pool, query.search ?? '', query.sort ?? 'id'),
  )
}
