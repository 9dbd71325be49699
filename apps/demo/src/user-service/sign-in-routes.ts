import { type Grant, hashPassword, refresh, refuse, signIn, signOut, verifyPassword } from '@portcullis/issuer'
import { databaseOf } from '@portcullis/sql'
import type { FastifyInstance, FastifyReply, RouteSecurity } from 'fastify'
import { answerProblem, problemSchema } from '../problem.ts'
import { scopes } from '../tokens.ts'
import type { LoginGuards } from './login-limits.ts'
import { clearRefreshCookie, readRefreshCookie, writeRefreshCookie } from './refresh-cookie.ts'
import { loginBody, noQuery, registerBody, tokenAnswer, userAnswer } from './schemas.ts'
import { addUser, findCredential } from './users.ts'

/** Registering, signing in, staying signed in, signing out. All of it is for callers without an identity. */
export function signInRoutes(app: FastifyInstance, guards: LoginGuards): void {
  const database = databaseOf(app)
  const config = { security: { auth: {} } }
  const bodiless: { readonly security: RouteSecurity } = { security: { auth: {}, validation: { empty: ['body'] } } }
  const guarded = { security: { auth: {}, rateLimit: { loginGuard: guards.signIn } } }

  const handOver = (reply: FastifyReply, grant: Grant): object => {
    writeRefreshCookie(reply, grant.refreshToken, grant.refreshExpiresIn)
    return tokensOf(grant)
  }

  app.post<{ Body: { username: string; email: string; password: string } }>(
    '/api/register',
    {
      config,
      schema: {
        body: registerBody,
        querystring: noQuery,
        response: { 201: userAnswer, 409: problemSchema, 422: problemSchema },
      },
    },
    async (request, reply) => {
      const { username, email, password } = request.body
      const hashed = await hashPassword(request, password, [username, email])
      if ('refusal' in hashed) return refuse(request, reply, hashed.refusal)
      const user = await addUser(database, { username, email, passwordHash: hashed.passwordHash })
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
      // One answer and one time for a wrong password, a locked account, and a name that nobody has. (`rehashed` would be
      // stored, had the service the right to change passwords; the parameters have never changed.)
      const verified = await verifyPassword(request, password, await findCredential(database, username))
      if ('refusal' in verified) return refuse(request, reply, verified.refusal)
      const grant = await signIn(request, {
        subject: String(verified.account.id),
        scopes,
        label: request.headers['user-agent'] ?? '',
        ...replacing(readRefreshCookie(request)),
      })
      return 'refusal' in grant ? refuse(request, reply, grant.refusal) : handOver(reply, grant)
    },
  )

  app.post(
    '/api/refresh',
    { config: bodiless, schema: { querystring: noQuery, response: { 200: tokenAnswer, 401: problemSchema } } },
    async (request, reply) => {
      const grant = await refresh(request, readRefreshCookie(request) ?? '')
      if (!('refusal' in grant)) return handOver(reply, grant)
      // While the database is away, nobody knows: the cookie stays.
      if (grant.refusal.status === 401) clearRefreshCookie(reply)
      return refuse(request, reply, grant.refusal)
    },
  )

  app.post(
    '/api/logout',
    { config: bodiless, schema: { querystring: noQuery, response: { 204: { type: 'null' } } } },
    async (request, reply) => {
      const token = readRefreshCookie(request)
      const done = token === null ? null : await signOut(request, { refreshToken: token })
      if (done !== null && 'refusal' in done) return refuse(request, reply, done.refusal)
      clearRefreshCookie(reply)
      return reply.code(204).send()
    },
  )
}

/** As clients get it (RFC 6749 §5.1). */
export function tokensOf({ accessToken, expiresIn }: Pick<Grant, 'accessToken' | 'expiresIn'>): object {
  return { access_token: accessToken, token_type: 'Bearer', expires_in: expiresIn }
}

/** The session that this browser has now is not left behind for whoever finds its cookie. */
function replacing(token: string | null): { readonly replaces?: string } {
  return token === null ? {} : { replaces: token }
}
