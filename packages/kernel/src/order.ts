import type { Phase } from './steps.ts'

/** One place in the order: a concern, and what it does in this phase. */
export interface Place {
  readonly concern: string
  readonly does: string
}

/**
 * The order in which concerns act on a request: the one place where it is written.
 * A concern appears at most once per phase. Cheap refusals come first, everything that decorates
 * answers comes before everything that refuses, so that every later answer is decorated.
 */
export const order: Readonly<Record<Phase, readonly Place[]>> = {
  onRequest: [
    { concern: 'audit', does: 'starts the access record' },
    { concern: 'headers', does: 'writes the security fields' },
    { concern: 'https', does: 'redirects or refuses plaintext, writes HSTS' },
    { concern: 'cors', does: 'answers preflights, writes the CORS fields' },
    { concern: 'validation', does: 'refuses malformed paths' },
    { concern: 'throttle', does: 'sheds load' },
    { concern: 'rate-limit', does: 'spends quotas that need no identity' },
    { concern: 'waf', does: 'inspects the request line and fields' },
    { concern: 'csrf', does: 'checks Fetch Metadata and Origin' },
    { concern: 'auth', does: 'authenticates, checks scopes, roles and step-up' },
  ],
  preParsing: [
    { concern: 'rate-limit', does: 'spends quotas per identity' },
    { concern: 'throttle', does: 'paces callers' },
    { concern: 'validation', does: 'checks the media type, bounds the body' },
  ],
  preValidation: [
    { concern: 'waf', does: 'inspects the body' },
    { concern: 'csrf', does: 'checks the token' },
  ],
  preHandler: [
    { concern: 'csrf', does: 'checks the token of a multipart form' },
    { concern: 'rate-limit', does: 'spends quotas per body field, guards logins' },
    { concern: 'auth', does: 'checks ownership' },
  ],
  onSend: [
    { concern: 'rate-limit', does: 'settles attempts to sign in' },
    { concern: 'headers', does: 'keeps errors out of caches' },
    { concern: 'cors', does: 'keeps Origin in Vary' },
    { concern: 'xss', does: 'guards the content type' },
  ],
  close: [
    { concern: 'rate-limit', does: 'settles attempts whose client has left' },
    { concern: 'csrf', does: 'tells of careless cookies' },
    { concern: 'audit', does: 'writes the outcome' },
    { concern: 'throttle', does: 'releases the place' },
  ],
}

/** Concerns that have a room without a step of their own. */
export const stepless: readonly string[] = ['gateway', 'sql', 'issuer']

/** Concerns that only decorate or record: they also act on 414s and malformed URLs, which run no hook. */
export const decorating: ReadonlySet<string> = new Set(['audit', 'headers', 'https', 'cors'])

/** Every concern that may own a room. */
export const concerns: ReadonlySet<string> = new Set([
  ...Object.values(order).flatMap((places) => places.map((place) => place.concern)),
  ...stepless,
])
