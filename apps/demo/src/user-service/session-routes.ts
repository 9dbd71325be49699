import type { FastifyInstance, FastifyReply } from 'fastify'
import { answerProblem, problemSchema } from '../problem.ts'
import { accessTokens } from '../tokens.ts'
import type { UserServiceParts } from './service.ts'
import { loginGuard } from './login-limits.ts'
import { hashPassword, passwordMatches } from './password.ts'
import { clearRefreshCookie, readRefreshCookie, sessionLifetime, writeRefreshCookie } from './refresh-cookie.ts'
import { loginBody, noQuery, registerBody, tokenAnswer, userAnswer } from './schemas.ts'
import { endSession, openSession, type OpenSession, rotateSession } from './sessions.ts'
import { addUser, findCredential } from './users.ts'

/** Registering, signing in, staying signed in, signing out. All of it is for callers without an identity. */
export function sessionRoutes(app: FastifyInstance, { pool, tokens }: UserServiceParts): void {
  const config = { security: { auth: {} } }
  const guarded = { security: { auth: {}, rateLimit: { loginGuard } } }

  const handOver = (reply: FastifyReply, session: OpenSession): object => {
    writeRefreshCookie(reply, session.token, session.remaining)
    return { access_token: tokens.issue(session.userId), token_type: 'Bearer', expires_in: accessTokens.lifetime }
  }

  app.post<{ Body: { username: string; email: string; password: string } }>(
    '/api/register',
    { config, schema: { body: registerBody, querystring: noQuery, response: { 201: userAnswer, 409: problemSchema } } },
    async (request, reply) => {
      const { username, email, password } = request.body
      const user = await addUser(pool, { username, email, passwordHash: await hashPassword(password) })
      // Which of the two is taken stays open.
      if (user === null)
        return answerProblem(reply, 409, 'DEMO_USER_TAKEN', 'The username or the email address is taken.')
      return reply.code(201).send(user)
    },
  )

  app.post<{ Body: { username: string; password: string } }>(
    '/api/login',
    {
      config: guarded,
      schema: {
        body: loginBody,
        querystring: noQuery,
        response: { 200: tokenAnswer, 401: problemSchema, 429: problemSchema },
      },
    },
    async (request, reply) => {
      const { username, password } = request.body
      const credential = await findCredential(pool, username)
      if (!(await passwordMatches(credential?.passwordHash, password)) || credential === null) {
        // By number: what was typed as a name may have been a password.
        request.log.warn({ owasp: 'authn_login_fail', user: credential?.id ?? null }, 'an attempt to sign in failed')
        return answerProblem(reply, 401, 'DEMO_LOGIN_FAILED', 'The username or the password is wrong.')
      }
      return handOver(reply, await openSession(pool, credential.id, sessionLifetime))
    },
  )

  app.post(
    '/api/refresh',
    { config, schema: { querystring: noQuery, response: { 200: tokenAnswer, 401: problemSchema } } },
    async (request, reply) => {
      const token = readRefreshCookie(request)
      const session = token === null ? 'ended' : await rotateSession(pool, token)
      if (typeof session === 'string') {
        if (session === 'reused') {
          request.log.error({ owasp: 'authn_token_reuse' }, 'a refresh token came back: its session was ended')
        }
        clearRefreshCookie(reply)
        return answerProblem(reply, 401, 'DEMO_SESSION_ENDED', 'There is no session: sign in.')
      }
      return handOver(reply, session)
    },
  )

  app.post(
    '/api/logout',
    { config, schema: { querystring: noQuery, response: { 204: { type: 'null' } } } },
    async (request, reply) => {
      const token = readRefreshCookie(request)
      if (token !== null) await endSession(pool, token)
      clearRefreshCookie(reply)
      return reply.code(204).send()
    },
  )
}
