import { emit } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import { systemClock } from '../clock.ts'
import { errors } from '../errors.ts'
import { events } from '../events.ts'
import { isName } from '../identity.ts'
import { GRACE } from '../remote/outage.ts'
import type { RevocationOptions } from './options.ts'
import { RevocationStore } from './store.ts'
import type { Revocation } from './revocations.ts'
import { RevokedTokens } from './revoked-tokens.ts'
import { isDate } from '../jwt/claims.ts'

interface Revoking {
  readonly list: RevokedTokens
  readonly store: RevocationStore | undefined
  /** Seconds. */
  readonly now: () => number
}

/** A property of the scope that registered the room: inner scopes inherit it, copies of this package share it. */
const REVOKING: unique symbol = Symbol.for('portcullis.auth.revoking')

/** Clocks differ by at most this much (the option `clockTolerance`), in seconds: revocations outlive their tokens by it. */
const TOLERANCE = 300

/** Opens the list of a registration. */
export async function openRevoking(
  options: Readonly<RevocationOptions>,
  app: FastifyInstance,
  clock: () => number,
): Promise<RevokedTokens> {
  const now = (): number => Math.floor(clock() / 1000)
  const { redis, prefix = 'ptc:auth:', onStoreError = 'closed', maxTokenAge = 86_400, memory } = options
  const list = new RevokedTokens(maxTokenAge, now, memory)
  let store: RevocationStore | undefined
  if (redis !== undefined) {
    const closed = onStoreError === 'closed'
    const policy = closed
      ? `tokens are answered 503, and what they opened ends if that lasts ${GRACE} seconds`
      : 'tokens are judged by what is known'
    store = new RevocationStore({
      client: redis,
      prefix,
      list,
      clock: systemClock(clock),
      closed,
      onAway(error) {
        app.log.error({ err: error }, `auth: the store of revocations is away; ${policy}`)
        emit(app, events['auth.interrupted'], { outcome: 'observed', detail: { reason: 'revocations' } })
      },
      onBack: () => app.log.info('auth: the store of revocations is back, and the list complete'),
    })
    const opened = store
    app.addHook('onClose', async () => opened.close())
    await store.start()
  }
  Object.defineProperty(app, REVOKING, { value: { list, store, now } satisfies Revoking })
  return list
}

/** A token that is to be refused from now on. */
export interface RevokedToken {
  /** Its `iss`. */
  readonly issuer: string
  /** Its `jti`. */
  readonly tokenId: string
  /** Its `exp`, in seconds. Default: as long as any token lives (`maxTokenAge`). */
  readonly expires?: number
}

/** A subject whose tokens are to be refused from now on. */
export interface RevokedSubject {
  /** `iss` of the tokens. */
  readonly issuer: string
  /** `sub` of the tokens. */
  readonly subject: string
  /** Tokens issued earlier are refused, in seconds. Default: the next full second, so that those of this one are too. */
  readonly before?: number
}

/**
 * Revokes one token, in this process at once and in all others as soon as Redis has told them.
 * @param app the instance that auth is registered on, or one inside it
 * @throws PTC_AUTH_REVOCATION_ABSENT without the option `revocation`; PTC_AUTH_REVOCATION_UNSHARED if Redis does not
 * answer: this process refuses the token nevertheless, and tells Redis once it is back.
 */
export async function revoke(app: FastifyInstance, { issuer, tokenId, expires }: RevokedToken): Promise<void> {
  const { now, list } = revokingOf(app)
  const end = Math.min(expires ?? Infinity, now() + list.keptFor)
  await carryOut(app, { kind: 'token', issuer, id: tokenId, expires: end + TOLERANCE })
}

/**
 * Revokes all tokens of a subject that were issued before a time: log-out everywhere.
 * @param app the instance that auth is registered on, or one inside it
 * @throws as `revoke` does.
 */
export async function revokeSubject(app: FastifyInstance, { issuer, subject, before }: RevokedSubject): Promise<void> {
  const { now, list } = revokingOf(app)
  const from = before ?? now() + 1
  await carryOut(app, {
    kind: 'subject',
    issuer,
    id: subject,
    before: from,
    expires: Math.max(from, now()) + list.keptFor + TOLERANCE,
  })
}

async function carryOut(app: FastifyInstance, revocation: Revocation): Promise<void> {
  const { kind, issuer, id, expires } = revocation
  const whole = Number.isSafeInteger(expires) && (kind === 'token' || isDate(revocation.before))
  if (typeof issuer !== 'string' || issuer === '' || !isName(id) || !whole)
    throw new TypeError('a revocation needs the issuer, the token’s id or its subject, and times in whole seconds')
  const { list, store } = revokingOf(app)
  list.add(revocation)
  emit(app, events['auth.revoked'], { outcome: 'allowed', detail: { kind, issuer, id } })
  try {
    await store?.share(revocation)
  } catch (error) {
    throw new errors.PTC_AUTH_REVOCATION_UNSHARED((error as Error).message)
  }
}

function revokingOf(app: FastifyInstance): Revoking {
  const revoking = (app as { readonly [REVOKING]?: Revoking })[REVOKING]
  if (revoking === undefined) throw new errors.PTC_AUTH_REVOCATION_ABSENT()
  return revoking
}
