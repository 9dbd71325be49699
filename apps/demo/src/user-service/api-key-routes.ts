import { createApiKey } from '@portcullis/auth'
import { databaseOf, type SecureDatabase } from '@portcullis/sql'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteSecurity } from 'fastify'
import { callerOf, forUsers } from '../caller.ts'
import { answerProblem, problemSchema } from '../problem.ts'
import { findKeys, keyPrefix, type KeyScope, stepUpAge } from '../tokens.ts'
import { addApiKey, type ApiKeyUse, findApiKey, listApiKeys, noteUses, removeApiKey } from './api-keys.ts'
import { foundKey, keyAnswer, keyBody, keyParams, keyUses, newKeyAnswer, noQuery } from './schemas.ts'

/** API keys of signed-in users: made, listed, taken away; and found by the gateway. */
export function apiKeyRoutes(app: FastifyInstance): void {
  const config = forUsers('keys:manage')
  // Row-level security shows each caller the own keys, and the gateway all.
  const asCaller = <T>(request: FastifyRequest, work: (database: SecureDatabase) => Promise<T>): Promise<T> =>
    databaseOf(app).as(request.security.identity?.subject ?? null, work)
  const unknown = (reply: FastifyReply): FastifyReply =>
    answerProblem(reply, 404, 'DEMO_KEY_UNKNOWN', 'There is no such key.')

  app.get(
    '/api/api-keys',
    { config, schema: { querystring: noQuery, response: { 200: { type: 'array', items: keyAnswer } } } },
    (request) => asCaller(request, (database) => listApiKeys(database, callerOf(request))),
  )

  app.post<{ Body: { name: string; scopes: KeyScope[]; days: number } }>(
    '/api/api-keys',
    {
      config: forUsers('keys:manage', { stepUp: { maxAge: stepUpAge } }),
      schema: { body: keyBody, querystring: noQuery, response: { 201: newKeyAnswer, 409: problemSchema } },
    },
    async (request, reply) => {
      const { name, scopes, days } = request.body
      const owner = callerOf(request)
      const expires = Math.floor(Date.now() / 1000) + days * 86_400
      const { key, entry } = createApiKey({ prefix: keyPrefix, subject: String(owner), scopes, expires })
      const added = await asCaller(request, (database) => addApiKey(database, owner, name, entry))
      if (added === null)
        return answerProblem(reply, 409, 'DEMO_KEYS_TOO_MANY', 'You have as many keys as anybody may have.')
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ key, ...added })
    },
  )

  app.delete<{ Params: { id: string } }>(
    '/api/api-keys/:id',
    {
      config,
      schema: { params: keyParams, querystring: noQuery, response: { 204: { type: 'null' }, 404: problemSchema } },
    },
    async (request, reply) => {
      const { id } = request.params
      const removed = await asCaller(request, (database) => removeApiKey(database, callerOf(request), id))
      return removed ? reply.code(204).send() : unknown(reply)
    },
  )

  // For the gateway alone: no public route leads here, and no user's token has the scope.
  const forGateway: { security: RouteSecurity } = { security: { auth: { scopes: [findKeys] } } }
  app.get<{ Params: { id: string } }>(
    '/private/api-keys/:id',
    {
      config: forGateway,
      schema: { params: keyParams, querystring: noQuery, response: { 200: foundKey, 404: problemSchema } },
    },
    async (request, reply) =>
      (await asCaller(request, (database) => findApiKey(database, request.params.id))) ?? unknown(reply),
  )

  app.post<{ Body: ApiKeyUse[] }>(
    '/private/api-key-uses',
    { config: forGateway, schema: { body: keyUses, querystring: noQuery, response: { 204: { type: 'null' } } } },
    async (request, reply) => {
      await asCaller(request, (database) => noteUses(database, request.body))
      return reply.code(204).send()
    },
  )
}
