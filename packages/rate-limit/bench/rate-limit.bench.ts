import official, { normalizeIP } from '@fastify/rate-limit'
import rateLimit, { type PolicyOptions } from '@portcullis/rate-limit'
import { addressKey } from '@portcullis/kernel'
import { measure } from '../../../bench/measure.ts'
import { asking, measureRequests } from '../../../bench/requests.ts'
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

const ours = (...policies: PolicyOptions[]) => asking(async (one) => one.register(rateLimit, { policies }))
const theirs = (max: number) => asking(async (one) => one.register(official, { max, timeWindow: 3_600_000 }))
const bare = await asking()

await measureRequests('one request, admitted', {
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

await measureRequests('one request, refused', {
  'bare Fastify, 200': bare,
  '@fastify/rate-limit': await theirs(1),
  'ours, fixed window': await ours({ name: 'q', limit: 1, window: 3600 }),
  'ours, token bucket': await ours({ name: 'g', algorithm: 'token-bucket', limit: 1, window: 3600 }),
})
