import { createSecretKey, randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { cookieOf } from './cookie.ts'
import { errors } from './errors.ts'
import type { CsrfOptions, FindSession } from './options.ts'
import { isValid, makeToken, type Binding, type KeyRing } from './token.ts'

/** What one registration makes and admits tokens with. */
export interface Tokens {
  readonly keys: KeyRing | null
  readonly cookie: string
  /** Attributes of the room's own cookie. */
  readonly attributes: string
  readonly session: FindSession
}

/** By the scope that registered the room. */
const registered = new WeakMap<object, Tokens>()

/** Prepares the tokens of one registration. */
export function openTokens(scope: FastifyInstance, options: Readonly<CsrfOptions>): Tokens {
  const { secrets, session, cookie } = options
  const tokens: Tokens = Object.freeze({
    keys:
      secrets === undefined ? null : (secrets.map((secret) => createSecretKey(Buffer.from(secret as string))) as never),
    cookie: cookie?.name as string,
    attributes: `; Path=/; Secure; HttpOnly; SameSite=${cookie?.sameSite}`,
    session:
      typeof session === 'function'
        ? session
        : session === undefined
          ? () => null
          : ({ headers }: FastifyRequest) => cookieOf(headers.cookie, session),
  })
  registered.set(scope, tokens)
  return tokens
}

/** Of the nearest registration around the route. */
function tokensOf(request: FastifyRequest): Tokens & { readonly keys: KeyRing } {
  for (let at: object | null = request.server; at !== null; at = Object.getPrototypeOf(at)) {
    const tokens = registered.get(at)
    if (tokens === undefined) continue
    if (tokens.keys === null) throw new errors.PTC_CSRF_SECRETS_MISSING('@portcullis/csrf has no `secrets`')
    return tokens as Tokens & { readonly keys: KeyRing }
  }
  throw new errors.PTC_CSRF_SECRETS_MISSING('no room @portcullis/csrf is registered here or above')
}

/** What a token has to belong to now; null while there is neither session nor cookie. */
function bindingOf(tokens: Tokens, request: FastifyRequest): Binding | null {
  const session = tokens.session(request)
  if (typeof session === 'string' && session !== '') return { kind: 'session', value: session }
  // A promise is no session: tokens would silently fall back to the cookie.
  if (typeof session === 'object' && session !== null) throw new TypeError('`session` returns a string or null')
  const cookie = cookieOf(request.headers.cookie, tokens.cookie)
  return cookie === null || cookie === '' ? null : { kind: 'cookie', value: cookie }
}

/** Whether the token belongs to the request's session, or to its cookie while there is none. */
export function admits(tokens: Tokens, request: FastifyRequest, token: string): boolean {
  if (tokens.keys === null) return false
  const binding = bindingOf(tokens, request)
  return binding !== null && isValid(tokens.keys, binding, token)
}

/** Begins a binding of its own: a new cookie. */
function begin(tokens: Tokens, reply: FastifyReply): Binding {
  const value = randomBytes(32).toString('base64url')
  reply.header('set-cookie', `${tokens.cookie}=${value}${tokens.attributes}`)
  return { kind: 'cookie', value }
}

/** A token is for one user only: no cache may keep the answer (RFC 9111 §5.2.2.5). */
function make(tokens: { readonly keys: KeyRing }, binding: Binding, reply: FastifyReply): string {
  reply.header('cache-control', 'no-store')
  return makeToken(tokens.keys, binding, randomBytes)
}

/**
 * A token for the page: bound to the session, or to the room's own cookie, which is set if it is not there yet.
 * The answer must not be cached, and says so.
 * @throws PTC_CSRF_SECRETS_MISSING where no room with `secrets` is registered
 */
export function csrfToken(request: FastifyRequest, reply: FastifyReply): string {
  const tokens = tokensOf(request)
  return make(tokens, bindingOf(tokens, request) ?? begin(tokens, reply), reply)
}

/**
 * A token for the session that begins with this answer: call it at login, and hand the token to the page. Every token
 * from before the login is void from then on. The room's own cookie is replaced too.
 * @param session what the option `session` will say of the next requests: the value of the session's cookie, or its id;
 * absent: where tokens are bound to the room's own cookie alone
 * @throws PTC_CSRF_SECRETS_MISSING where no room with `secrets` is registered
 */
export function rotateToken(request: FastifyRequest, reply: FastifyReply, session?: string): string {
  const tokens = tokensOf(request)
  const fresh = begin(tokens, reply)
  return make(tokens, session === undefined ? fresh : { kind: 'session', value: session }, reply)
}

/**
 * Ends every token of the room's own cookie: call it at log-out, where the session that the others are bound to ends.
 * @throws PTC_CSRF_SECRETS_MISSING where no room with `secrets` is registered
 */
export function clearToken(request: FastifyRequest, reply: FastifyReply): void {
  const { cookie, attributes } = tokensOf(request)
  reply.header('set-cookie', `${cookie}=; Max-Age=0${attributes}`)
}

/**
 * A route's handler that answers `{ "csrf_token": "…" }`.
 * @example app.get('/csrf-token', sendToken)
 */
export function sendToken(request: FastifyRequest, reply: FastifyReply): void {
  reply.send({ csrf_token: csrfToken(request, reply) })
}
