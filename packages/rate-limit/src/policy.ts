import type { Finding } from '@portcullis/kernel'
import type { BanSettings } from './ban.ts'
import { policySchema, type PartitionBy, type PolicyOptions, type RateLimitOptions } from './options.ts'

/** When a policy can be decided: before authentication, or after it. */
export type Stage = 'onRequest' | 'preParsing'

/** One quota, parsed: everything that a decision needs. */
export interface Quota {
  readonly name: string
  /** `backoff` is the login guard's own. */
  readonly algorithm: NonNullable<PolicyOptions['algorithm']> | 'backoff'
  /** Units per window. */
  readonly limit: PolicyOptions['limit']
  /** Seconds. */
  readonly window: number
  /** The most that can be spent at once, where it is not the limit. */
  readonly burst: number | undefined
  /** Delays in seconds; only `backoff`. */
  readonly delay: { readonly first: number; readonly longest: number } | undefined
  /** When refusals of this quota become a ban. */
  readonly ban: BanSettings | undefined
  readonly cost: number
  readonly partitionBy: PartitionBy
  readonly sentence: 'seconds' | 'later'
  readonly stage: Stage
  /** The name as an RFC 9651 String. */
  readonly label: string
  /** Ends this quota's keys in a shared store: another definition is another quota. Holds no `}`. */
  readonly tag: string
}

const defaults = Object.fromEntries(
  Object.entries(policySchema.properties).flatMap(([key, one]) => ('default' in one ? [[key, one.default]] : [])),
) as Pick<Required<PolicyOptions>, 'algorithm' | 'cost' | 'partitionBy' | 'sentence'>

/** Algorithms whose caller may spend another number at once than in a window. */
const BUCKETS: ReadonlySet<Quota['algorithm']> = new Set(['token-bucket', 'leaky-bucket'])

/** How an algorithm is called in keys. */
const LETTER = {
  'fixed-window': 'f',
  'sliding-window': 's',
  'token-bucket': 't',
  'leaky-bucket': 'l',
} as const

/** Parses one policy; the schema's defaults fill what a route left out. */
export function parsePolicy(given: Readonly<PolicyOptions>): Quota {
  const { name, algorithm, limit, window, cost, partitionBy, sentence } = { ...defaults, ...given }
  const burst = BUCKETS.has(algorithm) ? given.burst : undefined
  return Object.freeze({
    name,
    algorithm,
    limit,
    window,
    burst,
    delay: undefined,
    ban: given.ban,
    cost,
    partitionBy,
    sentence,
    stage: partitionBy === 'identity' ? 'preParsing' : 'onRequest',
    label: `"${name}"`,
    tag: `${name}:${LETTER[algorithm]}:${limit}:${window}:${burst ?? limit}`,
  })
}

/** Whether two policies of one name are one quota. `cost` and `sentence` may differ from route to route. */
export function sameQuota(one: Quota, other: Quota): boolean {
  return one.tag === other.tag && one.partitionBy === other.partitionBy && sameBan(one.ban, other.ban)
}

function sameBan(one: Quota['ban'], other: Quota['ban']): boolean {
  return one?.after === other?.after && one?.within === other?.within && one?.for === other?.for
}

const AsyncFunction = (async () => {}).constructor

/** `Bearer x` is `bearer  x`, and a cookie is found wherever it stands. */
const RESPELT = new Set(['authorization', 'proxy-authorization', 'cookie'])

/** Rules between fields. */
export function findings(options: Readonly<Partial<RateLimitOptions>>): Finding[] {
  const found: Finding[] = []
  const names = new Set<string>()
  for (const [index, given] of (options.policies ?? []).entries()) {
    const at = `/policies/${index}`
    const { name, algorithm, limit, burst, cost, partitionBy } = parsePolicy(given)
    const capacity = burst ?? limit
    if (names.has(name)) {
      let free = 2
      while (names.has(`${name}-${free}`) || options.policies?.some((one) => one.name === `${name}-${free}`)) free++
      found.push({
        at: `${at}/name`,
        rule: 'unique-name',
        message: `is the name of an earlier policy; write name: '${name}-${free}'`,
        fix: [{ op: 'replace', path: `${at}/name`, value: `${name}-${free}` }],
      })
      names.add(`${name}-${free}`)
    }
    names.add(name)
    if (given.burst !== undefined && !BUCKETS.has(algorithm)) {
      found.push({
        at: `${at}/burst`,
        rule: 'burst-needs-bucket',
        message: "needs algorithm: 'token-bucket' or 'leaky-bucket'; a window admits its whole limit at once",
        fix: [{ op: 'remove', path: `${at}/burst` }],
      })
    }
    if (cost > capacity) {
      found.push({
        at: `${at}/cost`,
        rule: 'cost-within-capacity',
        message: `is more than can ever be spent at once, so every request would be refused; write cost: ${capacity}`,
        fix: [{ op: 'replace', path: `${at}/cost`, value: capacity }],
      })
    }
    if (typeof partitionBy === 'function' && partitionBy instanceof AsyncFunction) {
      found.push({
        at: `${at}/partitionBy`,
        rule: 'synchronous-partition',
        message: "must return a string or null, not a promise; write partitionBy: 'ip'",
        fix: [{ op: 'replace', path: `${at}/partitionBy`, value: 'ip' }],
      })
    }
  }
  const field = options.apiKeyField
  if (field !== undefined && RESPELT.has(field)) {
    found.push({
      at: '/apiKeyField',
      rule: 'respelt-field',
      message: `is '${field}', in which one credential has many spellings and each would be a quota; write apiKeyField: 'x-api-key', or partitionBy: 'identity'`,
      fix: [{ op: 'replace', path: '/apiKeyField', value: 'x-api-key' }],
    })
  }
  const redis = options.store?.redis
  if (redis !== undefined && (typeof redis.evalsha !== 'function' || typeof redis.eval !== 'function')) {
    found.push({
      at: '/store/redis',
      rule: 'redis-client',
      message:
        'must be a client with `evalsha` and `eval`, such as `new Redis()` of ioredis; remove it to count in memory',
      fix: [{ op: 'remove', path: '/store/redis' }],
    })
  }
  return found
}
