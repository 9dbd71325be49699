import official, { normalizeIP } from '@fastify/rate-limit'
import rateLimit, { type PolicyOptions } from '@portcullis/rate-limit'
import { addressKey } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { measure } from '../../../bench/measure.ts'
import { blankCharge, counted, memoryDecider, type Charge } from '../src/decision.ts'
import { openEngine } from '../src/engine.ts'
import { parsePolicy, type Quota } from '../src/policy.ts'

const limit = 1_000_000
const quota = parsePolicy({ name: 'q', limit, window: 3600 })
const even = parsePolicy({ name: 'g', algorithm: 'token-bucket', limit, window: 3600 })

const sliding = parsePolicy({ name: 's', algorithm: 'sliding-window', limit, window: 3600 })
const leaky = parsePolicy({ name: 'l', algorithm: 'leaky-bucket', limit, window: 3600 })

const subjects = Array.from({ length: 10_000 }, (_, i) => `a10.0.${i >> 8}.${i & 255}`)
let turn = 0
const next = (): string => subjects[turn++ % subjects.length] ?? ''

const byEngine = (await openEngine(Date.now)).decider([counted(quota, 100_000)])
const deciding = (one: Quota): (() => unknown) => {
  const decide = memoryDecider([counted(one, 100_000)])
  const charge = blankCharge(one)
  const charges: Charge[] = [charge]
  return () => {
    charge.subject = next()
    return decide(charges, Math.floor(performance.now()))[0]?.standing.after
  }
}

await measure('one decision, 10,000 callers', {
  '@fastify/rate-limit deciding over our table': () =>
    byEngine?.(next(), null, (_, decision) => decision[0]?.standing.after),
  'fixed window, ours': deciding(quota),
  'sliding window, ours': deciding(sliding),
  'token bucket, ours': deciding(even),
  'leaky bucket, ours': deciding(leaky),
})

const v6 = Array.from({ length: 1000 }, (_, i) => `2001:db8:${i.toString(16)}:2:aaaa:bbbb:cccc:dddd`)
await measure('an IPv6 address', {
  'normalizeIP of @fastify/rate-limit': () => normalizeIP(v6[turn++ % 1000] ?? ''),
  ours: () => addressKey(v6[turn++ % 1000] ?? ''),
})

/**
 * As `measure`, in the process's own CPU time, and the lower decile of 20 rounds: a request is long enough for
 * other processes and the garbage collector to get between.
 */
async function requests(title: string, all: Readonly<Record<string, () => Promise<unknown>>>): Promise<void> {
  const subjects = Object.entries(all).map(([name, run]) => ({ name, run, times: [] as number[] }))
  for (let round = 0; round < 25; round++) {
    for (const { run, times } of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const start = process.cpuUsage()
      for (let call = 0; call < 1000; call++) await run()
      const { user, system } = process.cpuUsage(start)
      if (round >= 5) times.push((user + system) / 1000)
    }
  }
  const first = decile(subjects[0]?.times ?? [])
  console.log(`\n${title}, CPU through inject`)
  for (const { name, times } of subjects) {
    const own = decile(times)
    console.log(`  ${name.padEnd(22)}  ${own.toFixed(1).padStart(6)} µs  ×${(own / first).toFixed(2)}`)
  }
}

const decile = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 10)] ?? Number.NaN

async function app(prepare: (app: FastifyInstance) => Promise<unknown>): Promise<() => Promise<unknown>> {
  const made = Fastify()
  await prepare(made)
  made.get('/', async () => ({ hello: 'world' }))
  await made.ready()
  return () => made.inject('/')
}
const ours = (...policies: PolicyOptions[]) => app(async (one) => one.register(rateLimit, { policies }))
const theirs = (max: number) => app(async (one) => one.register(official, { max, timeWindow: 3_600_000 }))
const bare = await app(async () => {})

await requests('one request, admitted', {
  'bare Fastify': bare,
  '@fastify/rate-limit': await theirs(1e9),
  'ours, fixed window': await ours({ name: 'q', limit, window: 1 }),
  'ours, token bucket': await ours({ name: 'g', algorithm: 'token-bucket', limit, window: 1 }),
  'ours, three policies': await ours(
    { name: 'a', limit, window: 1 },
    { name: 'b', limit, window: 2 },
    { name: 'c', algorithm: 'token-bucket', limit, window: 1 },
  ),
})

await requests('one request, refused', {
  'bare Fastify, 200': bare,
  '@fastify/rate-limit': await theirs(1),
  'ours, fixed window': await ours({ name: 'q', limit: 1, window: 3600 }),
  'ours, token bucket': await ours({ name: 'g', algorithm: 'token-bucket', limit: 1, window: 3600 }),
})
