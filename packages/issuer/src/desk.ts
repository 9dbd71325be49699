import { emit, type Refusal } from '@portcullis/kernel'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { errors } from './errors.ts'
import { events } from './events.ts'
import type { BoundedQueue } from './passwords/bounded-queue.ts'
import { within } from './stores/patience.ts'
import type { PasswordHasher } from './passwords/hash.ts'
import type { IssuerOptions } from './options.ts'
import type { IssuerPolicy } from './policy.ts'
import type { Refused, Sessions } from './sessions/sessions.ts'
import type { SigningKeys } from './keys/signing-keys.ts'
import type { EndedSession } from './stores/store.ts'

/** Whom a function is called for: a request, or the app for what no request asked for. */
export type Asker = FastifyInstance | FastifyRequest

/** What a function gives instead of its result: hand it to `refuse(request, reply, refusal)`. */
export interface Declined {
  readonly refusal: Refusal
}

/**
 * Gives a refusal instead of a result. A handler that returns it as its answer throws what to write instead: an answer's
 * schema would leave `200 {}` of it.
 */
export function decline(refusal: Refusal): Declined {
  return Object.defineProperty({ refusal }, 'toJSON', { value: () => refusal.toJSON() })
}

/** Everything that one registration works with. */
export interface Desk {
  readonly app: FastifyInstance
  readonly policy: IssuerPolicy
  readonly sessions: Sessions
  readonly keys: SigningKeys
  readonly hasher: PasswordHasher
  readonly queue: BoundedQueue
  readonly account: IssuerOptions['account']
  readonly revoke: IssuerOptions['revoke']
  /** Calls that wait for the store. */
  readonly work: { underWay: number }
  /** Seconds since the epoch. */
  readonly now: () => number
}

/** A property of the scope that registered the room: inner scopes inherit it, copies of this package share it. */
export const DESK: unique symbol = Symbol.for('portcullis.issuer.desk')

/** @throws PTC_ISSUER_ABSENT */
export function deskOf(asker: Asker): Desk {
  const app = 'raw' in asker ? asker.server : asker
  const desk = (app as { readonly [DESK]?: Desk })[DESK]
  if (desk === undefined) throw new errors.PTC_ISSUER_ABSENT()
  return desk
}

// RFC 9110 §15.5.2: a 401 names a scheme; browsers ask nobody for a Bearer token.
const fields = { 'www-authenticate': 'Bearer' }

/** The refusals with the particulars of this request. */
export const declined = {
  signIn: (reason: string): Declined => decline(errors.PTC_ISSUER_SIGN_IN_REFUSED.with({ fields, detail: { reason } })),
  session: ({ reason, subject }: Omit<Refused, 'ended'>): Declined =>
    decline(errors.PTC_ISSUER_SESSION_ENDED.with({ fields, detail: { reason, subject } })),
  busy: ({ queue }: Desk): Declined => decline(errors.PTC_ISSUER_BUSY.with({ retryAfter: queue.retryAfter })),
}

/** Seconds after which a store that was away is worth asking again: what auth says when what decides is away. */
const RETRY_AFTER = 5

const UNAVAILABLE = decline(errors.PTC_ISSUER_UNAVAILABLE.with({ retryAfter: RETRY_AFTER }))

/** What is under way at once at most: while a store hangs, what waits for it must not fill the memory. */
const MOST_UNDER_WAY = 1_000

/** Does what needs the store: what it throws is logged and answered 503, and so is what takes too long. */
export async function attempt<T>({ app, work }: Desk, act: () => Promise<T>): Promise<T | Declined> {
  if (work.underWay >= MOST_UNDER_WAY) return UNAVAILABLE
  work.underWay++
  try {
    return await within(act().finally(() => work.underWay--))
  } catch (error) {
    app.log.error({ err: error }, 'issuer: the store or the account look-up failed; the caller is answered 503')
    return UNAVAILABLE
  }
}

/**
 * Has the access tokens of ended sessions refused. A failure is told, not thrown: the sessions have ended, and their
 * access tokens do within minutes.
 * @param everywhereOf the subject of whom no token is to be accepted, those of sessions that ended earlier included
 * @returns whether all of them are refused now
 */
export async function revokeTokens(
  asker: Asker,
  { policy, revoke = {}, app, now }: Desk,
  ended: readonly EndedSession[],
  everywhereOf?: string,
): Promise<boolean> {
  const { issuer, lifetime } = policy.terms
  const { token, subject: whole } = revoke
  const tokenIds = ended.flatMap((session) => session.tokenIds)
  // The latest that any of them can expire.
  const expires = Math.floor(now()) + lifetime
  const calls: (() => Promise<void>)[] = []
  if (everywhereOf !== undefined && whole !== undefined) {
    // Tokens of this second are named one by one: whoever signs in again at once would otherwise get one that is refused.
    const before = token === undefined ? {} : { before: Math.floor(now()) }
    calls.push(() => whole({ issuer, subject: everywhereOf, ...before }))
  } else if (token === undefined && tokenIds.length > 0) return false
  if (token !== undefined) calls.push(...tokenIds.map((tokenId) => () => token({ issuer, tokenId, expires })))
  const outcomes = await Promise.allSettled(calls.map(async (call) => call()))
  const failure = outcomes.find(({ status }) => status === 'rejected')
  if (failure === undefined) return true
  const { reason } = failure as PromiseRejectedResult
  app.log.error({ err: reason as unknown }, 'issuer: access tokens of ended sessions could not be revoked')
  emit(asker, events['issuer.interrupted'], { outcome: 'observed', detail: { reason: 'revocation' } })
  return false
}
