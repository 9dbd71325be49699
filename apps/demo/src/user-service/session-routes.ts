import { refuse, sessions, signOut, signOutEverywhere, stepUp } from '@portcullis/issuer'
import { databaseOf } from '@portcullis/sql'
import type { FastifyInstance } from 'fastify'
import { callerOf, forUsers, sessionOf } from '../caller.ts'
import { answerProblem, problemSchema } from '../problem.ts'
import type { LoginGuards } from './login-limits.ts'
import { clearRefreshCookie } from './refresh-cookie.ts'
import { noQuery, sessionAnswer, sessionParams, stepUpBody, tokenAnswer } from './schemas.ts'
import { tokensOf } from './sign-in-routes.ts'
import { credentialOf } from './users.ts'

const iso = (seconds: number): string => new Date(seconds * 1000).toISOString()

/** What a signed-in user may do about being signed in. */
export function sessionRoutes(app: FastifyInstance, guards: LoginGuards): void {
  const config = forUsers('sessions:manage')
  const { security } = config

  app.post<{ Body: { password: string } }>(
    '/api/step-up',
    {
      config: { security: { ...security, rateLimit: { loginGuard: guards.stepUp } } },
      schema: {
        body: stepUpBody,
        querystring: noQuery,
        response: { 200: tokenAnswer, 401: problemSchema, 429: problemSchema },
      },
    },
    async (request, reply) => {
      const id = callerOf(request)
      const grant = await stepUp(request, {
        subject: String(id),
        sessionId: sessionOf(request),
        password: request.body.password,
        account: await credentialOf(databaseOf(app), id),
      })
      return 'refusal' in grant ? refuse(request, reply, grant.refusal) : tokensOf(grant)
    },
  )

  app.get(
    '/api/sessions',
    { config, schema: { querystring: noQuery, response: { 200: { type: 'array', items: sessionAnswer } } } },
    async (request, reply) => {
      const found = await sessions(request, String(callerOf(request)))
      if ('refusal' in found) return refuse(request, reply, found.refusal)
      return found.map(({ sessionId, label, createdAt, lastUsedAt, expiresAt }) => ({
        id: sessionId,
        label,
        createdAt: iso(createdAt),
        lastUsedAt: iso(lastUsedAt),
        expiresAt: iso(expiresAt),
        current: sessionId === sessionOf(request),
      }))
    },
  )

  app.delete<{ Params: { id: string } }>(
    '/api/sessions/:id',
    {
      config,
      schema: {
        params: sessionParams,
        querystring: noQuery,
        response: { 204: { type: 'null' }, 404: problemSchema },
      },
    },
    async (request, reply) => {
      const done = await signOut(request, { subject: String(callerOf(request)), sessionId: request.params.id })
      if ('refusal' in done) return refuse(request, reply, done.refusal)
      if (done.sessions === 0) return answerProblem(reply, 404, 'DEMO_SESSION_UNKNOWN', 'You have no such session.')
      return reply.code(204).send()
    },
  )

  app.post(
    '/api/logout/everywhere',
    {
      config: { security: { ...security, validation: { empty: ['body'] } } },
      schema: { querystring: noQuery, response: { 204: { type: 'null' } } },
    },
    async (request, reply) => {
      const done = await signOutEverywhere(request, { subject: String(callerOf(request)) })
      if ('refusal' in done) return refuse(request, reply, done.refusal)
      clearRefreshCookie(reply)
      return reply.code(204).send()
    },
  )
}
