import {
  checkApiKeyField,
  checkPartition,
  partitionKeys,
  type Finding,
  type Mistake,
  type Schema,
} from '@portcullis/kernel'
import type {
  ConcurrencyOptions,
  DelayAfterOptions,
  QueueOptions,
  RateOptions,
  ShedOptions,
  ThrottleOptions,
  ThrottleRoute,
} from './options.ts'
import { optionsSchema } from './options.ts'

/** What is asked of one route, complete. A rule that is off is null. */
export interface Policy {
  readonly rate: (Required<RateOptions> & { readonly burst: number }) | null
  readonly concurrency: (Required<Omit<ConcurrencyOptions, 'maxHold'>> & { readonly maxHold: number | null }) | null
  readonly delayAfter: Required<DelayAfterOptions> | null
  readonly shed: Required<ShedOptions> | null
  readonly queue: Required<QueueOptions>
}

/** The rules that make requests wait. */
export type WaitingRule = 'rate' | 'concurrency' | 'delayAfter'

type Given = Readonly<ThrottleOptions | ThrottleRoute>

const RULES = ['rate', 'concurrency', 'delayAfter', 'shed'] as const

function defaultsOf(name: string): Record<string, unknown> {
  const { properties } = (optionsSchema.properties ?? {})[name] as { properties: Record<string, Schema> }
  return Object.fromEntries(
    Object.entries(properties).flatMap(([key, one]) => ('default' in one ? [[key, one['default']]] : [])),
  )
}

const defaults = Object.fromEntries([...RULES, 'queue'].map((name) => [name, Object.freeze(defaultsOf(name))]))

function complete<T>(name: string, given: object | false | undefined): T | null {
  return given === undefined || given === false ? null : ({ ...defaults[name], ...given } as T)
}

/** Parses a registration's options, or a route's laid over them. */
export function parsePolicy(given: Given): Policy {
  const rate = complete<Required<RateOptions>>('rate', given.rate)
  const concurrency = complete<Required<ConcurrencyOptions>>('concurrency', given.concurrency)
  return Object.freeze({
    rate: rate && { ...rate, burst: rate.burst ?? rate.limit },
    concurrency: concurrency && { ...concurrency, maxHold: concurrency.maxHold ?? null },
    delayAfter: complete<Required<DelayAfterOptions>>('delayAfter', given.delayAfter),
    shed: complete<Required<ShedOptions>>('shed', given.shed),
    queue: complete<Required<QueueOptions>>('queue', given.queue ?? {}) as Required<QueueOptions>,
  })
}

/** Whether places can only be taken once it is known who asks. */
export const takesPlacesLate = ({ concurrency }: Policy): boolean =>
  concurrency !== null && partitionKeys(concurrency.partitionBy).includes('identity')

/** Milliseconds that one request can wait, over all rules. */
export function longestWaitMs({ rate, concurrency, delayAfter, queue }: Policy): number {
  return (rate ? queue.waitMs : 0) + (concurrency ? queue.waitMs : 0) + (delayAfter ? delayAfter.maxMs : 0)
}

/**
 * Requests that may still be arriving count against the server's time-out while they wait (Node cuts them with 408).
 * @param requestTimeout of the server, in ms; 0 is none
 */
export function tooLong(policy: Policy, requestTimeout: number): Finding | null {
  const longest = longestWaitMs(policy)
  if (requestTimeout <= 0 || longest <= requestTimeout) return null
  const { delayAfter, queue, rate, concurrency } = policy
  const waits = Number(rate !== null) + Number(concurrency !== null)
  const delayed = delayAfter?.maxMs ?? 0
  const room = requestTimeout - delayed
  // The rest of the time is for the request to arrive in.
  if (waits > 0 && room >= waits) {
    const waitMs = Math.max(1, Math.floor(room / waits / 2))
    return {
      at: '/queue/waitMs',
      rule: 'within-request-timeout',
      message: `lets a request wait ${longest} ms in all, and the server cuts it after ${requestTimeout} ms; write waitMs: ${waitMs}, or give the server a longer requestTimeout`,
      fix: [{ op: 'add', path: '/queue/waitMs', value: waitMs }],
    }
  }
  const maxMs = Math.max(1, Math.floor((requestTimeout - waits * queue.waitMs) / 2))
  return {
    at: '/delayAfter/maxMs',
    rule: 'within-request-timeout',
    message: `lets a request wait ${longest} ms in all, and the server cuts it after ${requestTimeout} ms; write maxMs: ${maxMs}, or give the server a longer requestTimeout`,
    fix: [{ op: 'add', path: '/delayAfter/maxMs', value: maxMs }],
  }
}

/** A finding as an error carries it; a route's options stand in its `config.security`, under `throttle`. */
export function mistakeOf({ at, rule, message, fix }: Finding, route?: string): Mistake {
  const under = route === undefined ? '' : '/throttle'
  const path = `${under}${at}`.slice(1).replaceAll('/', '.')
  const moved = fix.map((one) => ({ ...one, path: under + one.path }))
  return { path, rule, message, fix: moved, ...(route === undefined ? {} : { route }) }
}

const LIMITS = { rate: 10, concurrency: 100, delayAfter: 100 } as const

const WAITS = [
  ['delayAfter', 'maxMs'],
  ['queue', 'waitMs'],
] as const
/** Milliseconds. */
const LONGEST = 600_000

/** Rules between fields. */
export function findings(options: Given): Finding[] {
  const found: Finding[] = []
  for (const name of RULES) {
    const given: unknown = options[name]
    if (given === true) {
      const value = name === 'shed' ? {} : { limit: LIMITS[name] }
      found.push({
        at: `/${name}`,
        rule: 'options-or-false',
        message: `is true, which says no figures; write ${name}: ${name === 'shed' ? '{}' : `{ limit: ${LIMITS[name]} }`}`,
        fix: [{ op: 'replace', path: `/${name}`, value }],
      })
    } else if (name !== 'shed' && typeof given === 'object' && given !== null && !('limit' in given)) {
      found.push({
        at: `/${name}/limit`,
        rule: 'limit-required',
        message: `is missing; write limit: ${LIMITS[name]}`,
        fix: [{ op: 'add', path: `/${name}/limit`, value: LIMITS[name] }],
      })
    }
  }
  for (const [name, key] of WAITS) {
    const ms = (options[name] as Record<string, unknown> | undefined)?.[key]
    if (typeof ms !== 'number' || ms <= LONGEST) continue
    const value = defaults[name]?.[key]
    found.push({
      at: `/${name}/${key}`,
      rule: 'ten-minutes-at-most',
      message: `is longer than ten minutes, and no client waits so long; write ${key}: ${String(value)}`,
      fix: [{ op: 'replace', path: `/${name}/${key}`, value }],
    })
  }
  for (const name of ['rate', 'concurrency', 'delayAfter', 'queue'] as const) {
    const partition = (options[name] as { partitionBy?: unknown } | undefined)?.partitionBy
    if (partition !== undefined) found.push(...checkPartition(`/${name}/partitionBy`, partition))
  }
  found.push(...checkApiKeyField('apiKeyField' in options ? options.apiKeyField : undefined))
  return found
}
