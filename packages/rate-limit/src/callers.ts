import { addressKey } from '@portcullis/kernel'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Charge, Counted } from './decision.ts'
import { errors } from './errors.ts'
import { accountKey, spellingKey } from './login/login-account.ts'
import { loginSubjects } from './login/login-quotas.ts'
import type { Penalties, TopOffender } from './penalties/penalties.ts'
import type { PartitionKey } from './policy-options.ts'
import type { Quota } from './policy.ts'
import type { SharedStore } from './stores/shared-store.ts'
import { blankStanding, type Standing } from './algorithms/standing.ts'
import { byAddress, compileSubject, keysOf, subjectHash } from './subject.ts'

/** Names a caller as a policy counts callers: what its `partitionBy` reads must be given. */
export interface Caller {
  /** Name of the policy; of a login guard `login.account`, `login.pair` or `login.address`. */
  readonly policy: string
  readonly ip?: string
  readonly identity?: { readonly scheme: string; readonly subject: string; readonly issuer?: string }
  readonly apiKey?: string
  /** Header fields by name in lower case, for policies by header field. */
  readonly headers?: Readonly<Record<string, string>>
  /** For policies by body field. */
  readonly body?: Readonly<Record<string, string | number>>
  /** What a `partitionBy` function returns for the caller. */
  readonly key?: string
  /** The account, for the policies of a login guard. */
  readonly account?: string
  /** The route's pattern as it was registered (`/users/:id`) and the method, for policies `per` them. */
  readonly route?: string
  readonly method?: string
  /** Units per window, where the policy's limit is a function. */
  readonly limit?: number
}

/** How a caller stands with a policy. */
export interface CallerStanding {
  readonly policy: string
  /** Hash of whom the quota belongs to, as in events. */
  readonly key: string
  /** Units per window. */
  readonly limit: number
  /** Units that could be spent now. */
  readonly remaining: number
  /** Milliseconds until the quota is whole again. */
  readonly resetMs: number
  /** Milliseconds until a request of one unit would be allowed; 0: it is. */
  readonly retryMs: number
  /** When the ban ends; null: there is none. */
  readonly bannedUntil: Date | null
  /** Who said so: the shared store, or this process, which alone knows while the store is away. */
  readonly from: 'shared' | 'memory'
}

/** What one registration knows of its callers. */
export interface CallerBook {
  /** Every quota that some route names. */
  readonly counted: () => readonly Counted[]
  readonly shared: SharedStore | undefined
  readonly penalties: Penalties
  readonly apiKeyField: string
  /** Milliseconds, never going back. */
  readonly clock: () => number
}

const books = new WeakMap<object, CallerBook>()

/** Opens the book of a registration. */
export function openBook(app: FastifyInstance, book: CallerBook): void {
  books.set(app, book)
}

/** The book of the nearest registration around a scope: Fastify's instances inherit from one another. */
function bookOf(app: FastifyInstance): CallerBook {
  for (let at: object | null = app; at !== null; at = Object.getPrototypeOf(at)) {
    const book = books.get(at)
    if (book !== undefined) return book
  }
  throw new errors.PTC_RATE_LIMIT_ABSENT()
}

function countedBy({ counted }: CallerBook, policy: string): Counted {
  const known = counted()
  const found = known.find(({ quota }) => quota.name === policy)
  if (found === undefined)
    throw new errors.PTC_RATE_LIMIT_POLICY_UNKNOWN(policy, known.map(({ quota }) => quota.name).join(', ') || 'none')
  return found
}

const UNREADABLE = addressKey('?')

/** What names a caller to a policy by this. */
const namedBy = (key: PartitionKey): keyof Caller => {
  if (typeof key === 'function') return 'key'
  if (typeof key === 'object') return 'header' in key ? 'headers' : 'body'
  if (key === 'identity') return 'identity'
  return key === 'api-key' ? 'apiKey' : 'ip'
}

/** The address; callers without another name are counted by it. A misread one would be somebody else's quota. */
function addressOf({ partitionBy, guards, name }: Quota, caller: Caller): string {
  const { ip } = caller
  if (ip === undefined) {
    const missing = guards === undefined ? keysOf(partitionBy).map(namedBy) : []
    const first = missing.find((one) => caller[one] === undefined) ?? 'ip'
    throw new errors.PTC_RATE_LIMIT_CALLER_UNNAMED(name, first)
  }
  if (addressKey(ip) === UNREADABLE) throw new errors.PTC_RATE_LIMIT_ADDRESS_UNREADABLE(ip.slice(0, 80))
  return ip
}

/** The subject that a request of this caller would have. */
function subjectOf({ quota }: Counted, caller: Caller, apiKeyField: string): string {
  const need = (what: keyof Caller): never => {
    throw new errors.PTC_RATE_LIMIT_CALLER_UNNAMED(quota.name, what)
  }
  const { identity, apiKey, key } = caller
  const request = {
    get ip(): string {
      return addressOf(quota, caller)
    },
    headers: { ...caller.headers, ...(apiKey !== undefined && { [apiKeyField]: apiKey }) },
    body: caller.body,
    security: { identity: identity === undefined ? null : { ...identity, claims: { iss: identity.issuer } } },
    routeOptions: {
      get url(): string {
        return caller.route ?? need('route')
      },
    },
    get method(): string {
      return (caller.method ?? need('method')).toUpperCase()
    },
  } as unknown as FastifyRequest
  if (quota.guards !== undefined) {
    if (quota.guards === 'address') return byAddress(request)
    const account = caller.account ?? need('account')
    const name = quota.guards.startsWith('spelled') ? spellingKey(account) : accountKey(account)
    if (name === null || name === undefined) return need('account')
    return quota.guards.endsWith('account') ? loginSubjects.account(name) : loginSubjects.pair(name, byAddress(request))
  }
  const partitionBy = keysOf(quota.partitionBy).map((one) => (typeof one === 'function' ? () => key ?? null : one))
  return compileSubject({ partitionBy, per: quota.per }, apiKeyField, () => undefined)(request)
}

function chargeOf(counted: Counted, caller: Caller, apiKeyField: string): Charge {
  const { quota } = counted
  const limit = typeof quota.limit === 'number' ? quota.limit : caller.limit
  if (limit === undefined) throw new errors.PTC_RATE_LIMIT_CALLER_UNNAMED(quota.name, 'limit')
  return { quota, subject: subjectOf(counted, caller, apiKeyField), cost: 1, limit }
}

/**
 * How a caller stands with a policy of the nearest registration; spends nothing.
 * @throws PTC_RATE_LIMIT_ABSENT, PTC_RATE_LIMIT_POLICY_UNKNOWN, PTC_RATE_LIMIT_CALLER_UNNAMED,
 *   PTC_RATE_LIMIT_ADDRESS_UNREADABLE
 */
export async function inspect(app: FastifyInstance, caller: Caller): Promise<CallerStanding> {
  const book = bookOf(app)
  const counted = countedBy(book, caller.policy)
  const charge = chargeOf(counted, caller, book.apiKeyField)
  const part = await book.shared?.peek(charge)
  if (part) return standingOf(charge, part.standing, part.ban === undefined ? 0 : part.standing.retryMs, 'shared')
  const [standing, now] = [blankStanding(), book.clock()]
  if ('limitTo' in counted.algorithm) counted.algorithm.limitTo(charge.limit)
  counted.table.peek(charge.subject, now, standing)
  // A cost of nothing always fits: what one unit has to wait is asked apart.
  const [one, bannedMs] = [blankStanding(), counted.bans?.remaining(charge.subject, now) ?? 0]
  counted.table.judge(charge.subject, now, 1, one)
  standing.retryMs = Math.max(one.retryMs, bannedMs)
  if (bannedMs > 0) standing.before = 0
  return standingOf(charge, standing, bannedMs, 'memory')
}

function standingOf(
  { quota, subject, limit }: Charge,
  { before, resetMs, retryMs }: Readonly<Standing>,
  bannedMs: number,
  from: CallerStanding['from'],
): CallerStanding {
  return {
    policy: quota.name,
    key: subjectHash(subject),
    limit,
    remaining: before,
    resetMs: Math.max(resetMs, bannedMs),
    retryMs,
    bannedUntil: bannedMs > 0 ? new Date(Date.now() + bannedMs) : null,
    from,
  }
}

/**
 * Makes a caller's quota whole and lifts its ban, in this process and in the shared store.
 * @returns whether the shared store has heard it; true without one
 * @throws PTC_RATE_LIMIT_ABSENT, PTC_RATE_LIMIT_POLICY_UNKNOWN, PTC_RATE_LIMIT_CALLER_UNNAMED,
 *   PTC_RATE_LIMIT_ADDRESS_UNREADABLE
 */
export async function reset(app: FastifyInstance, caller: Caller): Promise<boolean> {
  const book = bookOf(app)
  const counted = countedBy(book, caller.policy)
  const charge = chargeOf(counted, caller, book.apiKeyField)
  counted.table.forget(charge.subject)
  counted.bans?.forget(charge.subject)
  book.penalties.forget(charge.quota.name, charge.subject)
  return book.shared === undefined ? true : book.shared.forget(charge)
}

/**
 * Whom the policies of the nearest registration refuse most in this process, most first. A shared store does not keep them.
 * @throws PTC_RATE_LIMIT_ABSENT
 */
export function topOffenders(app: FastifyInstance, { count = 10 }: { readonly count?: number } = {}): TopOffender[] {
  return bookOf(app).penalties.top(count)
}
