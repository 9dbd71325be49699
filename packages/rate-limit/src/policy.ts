import type { BanSettings } from './penalties/ban.ts'
import { policySchema, type PartitionBy, type PolicyOptions } from './policy-options.ts'
import { keysOf, samePartition } from './subject.ts'

/** When a policy can be decided: before authentication, after it, or when the body has been validated. */
export type Stage = 'onRequest' | 'preParsing' | 'preHandler'

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
  /** What a login guard counts by it; undefined: it is an ordinary policy's. */
  readonly guards: 'account' | 'address' | 'pair' | 'spelled-account' | 'spelled-pair' | undefined
  /** When refusals of this quota become a ban. */
  readonly ban: BanSettings | undefined
  readonly cost: NonNullable<PolicyOptions['cost']>
  readonly partitionBy: PartitionBy
  readonly per: NonNullable<PolicyOptions['per']>
  /** Requests of other methods do not spend it; undefined: all do. */
  readonly methods: PolicyOptions['methods']
  /** Decided and spent, but nobody is refused by it. */
  readonly reportOnly: boolean
  /** What it does while the shared store is away; undefined: as the registration says. */
  readonly onStoreError: PolicyOptions['onStoreError']
  readonly sentence: 'seconds' | 'later'
  readonly stage: Stage
  /** The name as an RFC 9651 String. */
  readonly label: string
  /** Ends this quota's keys in a shared store: another definition is another quota. Holds no `}`. */
  readonly tag: string
}

const defaults = Object.fromEntries(
  Object.entries(policySchema.properties).flatMap(([key, one]) => ('default' in one ? [[key, one.default]] : [])),
) as Pick<Required<PolicyOptions>, 'algorithm' | 'cost' | 'partitionBy' | 'reportOnly' | 'sentence'>

/** Algorithms whose caller may spend another number at once than in a window. */
const BUCKETS: ReadonlySet<Quota['algorithm']> = new Set(['token-bucket', 'leaky-bucket'])

/** Whether `burst` means anything to an algorithm. */
export const holdsBurst = (algorithm: Quota['algorithm']): boolean => BUCKETS.has(algorithm)

/** How an algorithm is called in keys. */
const LETTER = {
  'fixed-window': 'f',
  'sliding-window': 's',
  'token-bucket': 't',
  'leaky-bucket': 'l',
} as const

/** Parses one policy; the schema's defaults fill what a route left out. */
export function parsePolicy(given: Readonly<PolicyOptions>): Quota {
  const { name, algorithm, limit, window, cost, partitionBy, reportOnly, sentence } = { ...defaults, ...given }
  const burst = BUCKETS.has(algorithm) ? given.burst : undefined
  const units = typeof limit === 'number' ? limit : 'v'
  return Object.freeze({
    name,
    algorithm,
    limit,
    window,
    burst,
    delay: undefined,
    guards: undefined,
    ban: given.ban,
    cost,
    partitionBy,
    per: given.per ?? [],
    methods: given.methods,
    reportOnly,
    onStoreError: given.onStoreError,
    sentence,
    stage: stageOf(partitionBy),
    label: `"${name}"`,
    tag: `${name}:${LETTER[algorithm]}:${units}:${window}:${burst ?? units}`,
  })
}

/** The earliest stage in which all that names a caller is known. */
function stageOf(partitionBy: PartitionBy): Stage {
  const keys = keysOf(partitionBy)
  if (keys.some((key) => typeof key === 'object' && 'body' in key)) return 'preHandler'
  return keys.includes('identity') ? 'preParsing' : 'onRequest'
}

/**
 * Whether two policies of one name are one quota. `cost`, `methods`, `reportOnly` and `sentence` may differ from route
 * to route.
 */
export function sameQuota(one: Quota, other: Quota): boolean {
  return one.tag === other.tag && one.limit === other.limit && samePartition(one, other) && sameBan(one.ban, other.ban)
}

function sameBan(one: Quota['ban'], other: Quota['ban']): boolean {
  return one?.after === other?.after && one?.within === other?.within && one?.for === other?.for
}
