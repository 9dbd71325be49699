import { createSecretKey, randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest, RawServerBase, RouteGenericInterface } from 'fastify'
import { cookieOf } from './cookie.ts'
import { errors } from './errors.ts'
import type { CsrfOptions, FindSession } from './options.ts'
import { isValid, makeToken, type Binding, type KeyRing } from './token.ts'

/** A request of any server: HTTP/2 too. */
type AnyRequest = FastifyRequest<RouteGenericInterface, RawServerBase>
type AnyReply = FastifyReply<RouteGenericInterface, RawServerBase>

/** What one registration makes and admits tokens with. */
export interface Tokens {
  readonly keys: KeyRing | null
  readonly cookie: string
  /** Attributes of the room's own cookie. */
  readonly attributes: string
  /** Name of the session's cookie, or what finds the session. */
  readonly session: string | FindSession | undefined
}

/** By the scope that registered the room. */
const registered = new WeakMap<object, Tokens>()

/** What tokens belong to from this answer on, by request; null: to nothing yet. */
const begun = new WeakMap<AnyRequest, Binding | null>()

/** Prepares the tokens of one registration. */
export function openTokens(scope: FastifyInstance, options: Readonly<CsrfOptions>): Tokens {
  const { secrets, session, cookie } = options
  const tokens: Tokens = Object.freeze({
    keys:
      secrets === undefined ? null : (secrets.map((secret) => createSecretKey(Buffer.from(secret as string))) as never),
    cookie: cookie?.name as string,
    attributes: `; Path=/; Secure; HttpOnly; SameSite=${cookie?.sameSite}`,
    session,
  })
  registered.set(scope, tokens)
  return tokens
}

/** Of the nearest registration around the route. */
function tokensOf(request: AnyRequest): Tokens & { readonly keys: KeyRing } {
  for (let at: object | null = request.server; at !== null; at = Object.getPrototypeOf(at)) {
    const tokens = registered.get(at)
    if (tokens === undefined) continue
    if (tokens.keys === null) throw new errors.PTC_CSRF_SECRETS_MISSING('@portcullis/csrf has no `secrets`')
    return tokens as Tokens & { readonly keys: KeyRing }
  }
  throw new errors.PTC_CSRF_SECRETS_MISSING('no room @portcullis/csrf is registered here or above')
}

/** What a token has to belong to now; null while there is neither session nor cookie, or two of one name. */
function bindingOf({ session, cookie }: Tokens, request: AnyRequest): Binding | null {
  const field = request.headers.cookie
  const value = typeof session === 'string' ? cookieOf(field, session) : (session?.(request as FastifyRequest) ?? null)
  // Neither of two sessions counts, nor does what was bound before there was any.
  if (value === undefined) return null
  // A promise or a number is no session: tokens would silently fall back to the cookie.
  if (value !== null && typeof value !== 'string') throw new TypeError('`session` returns a string or null')
  if (value) return { kind: 'session', value }
  const own = cookieOf(field, cookie)
  return own ? { kind: 'cookie', value: own } : null
}

/** Whether the token belongs to the request's session, or to its cookie while there is none. */
export function admits(tokens: Tokens, request: FastifyRequest, token: string): boolean {
  if (tokens.keys === null) return false
  const binding = bindingOf(tokens, request)
  return binding !== null && isValid(tokens.keys, binding, token)
}

/** Begins a binding of its own: a new cookie. */
function begin(tokens: Tokens, request: AnyRequest, reply: AnyReply): Binding {
  const value = randomBytes(32).toString('base64url')
  reply.header('set-cookie', `${tokens.cookie}=${value}${tokens.attributes}`)
  return remember(request, { kind: 'cookie', value })
}

function remember(request: AnyRequest, binding: Binding): Binding {
  begun.set(request, binding)
  return binding
}

/** A token is for one user only: no cache may keep the answer (RFC 9111 §5.2.2.5). */
function make(tokens: { readonly keys: KeyRing }, binding: Binding, reply: AnyReply): string {
  reply.header('cache-control', 'no-store')
  return makeToken(tokens.keys, binding, randomBytes)
}

/**
 * A token for the page: bound to the session, or to the room's own cookie, which is set if it is not there yet. After
 * `rotateToken` or `clearToken` in the same answer it is bound to what those have begun.
 * The answer must not be cached, and says so.
 * @throws PTC_CSRF_SECRETS_MISSING where no room with `secrets` is registered
 */
export function csrfToken(request: AnyRequest, reply: AnyReply): string {
  const tokens = tokensOf(request)
  const known = begun.get(request)
  const binding = known === undefined ? bindingOf(tokens, request) : known
  return make(tokens, binding ?? begin(tokens, request, reply), reply)
}

/**
 * A token for the session that begins with this answer: call it at login, and hand the token to the page. Every token
 * from before the login is void from then on. The room's own cookie is replaced too.
 * @param session what the option `session` will say of the next requests: the value of the session's cookie, or its id;
 * absent: where tokens are bound to the room's own cookie alone
 * @throws PTC_CSRF_SECRETS_MISSING where no room with `secrets` is registered
 */
export function rotateToken(request: AnyRequest, reply: AnyReply, session?: string): string {
  const tokens = tokensOf(request)
  const fresh = begin(tokens, request, reply)
  return make(tokens, session === undefined ? fresh : remember(request, { kind: 'session', value: session }), reply)
}

/**
 * Ends every token of the room's own cookie: call it at log-out, where the session that the others are bound to ends.
 * @throws PTC_CSRF_SECRETS_MISSING where no room with `secrets` is registered
 */
export function clearToken(request: AnyRequest, reply: AnyReply): void {
  const { cookie, attributes } = tokensOf(request)
  begun.set(request, null)
  reply.header('set-cookie', `${cookie}=; Max-Age=0${attributes}`)
}

/**
 * A route's handler that answers `{ "csrf_token": "…" }`.
 * @example app.get('/csrf-token', sendToken)
 */
export function sendToken(request: AnyRequest, reply: AnyReply): void {
  reply.send({ csrf_token: csrfToken(request, reply) })
}
