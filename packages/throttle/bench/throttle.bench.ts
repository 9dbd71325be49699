import underPressure from '@fastify/under-pressure'
import Bottleneck from 'bottleneck'
import throttle, { type ThrottleOptions } from '@portcullis/throttle'
import type { FastifyInstance } from 'fastify'
import { measure } from '../../../bench/measure.ts'
import { asking, measureRequests } from '../../../bench/requests.ts'
import { Pacer } from '../src/pacer.ts'
import { Places } from '../src/places.ts'
import { SlowDown } from '../src/slow-down.ts'
import { Turn } from '../src/turn.ts'
import { WaitingLine } from '../src/waiting-line.ts'

const timers = {
  now: () => performance.now(),
  set: (ring: () => void, ms: number) => setTimeout(ring, ms),
  clear: clearTimeout as () => void,
}
const queue = { length: 1_000_000, perCaller: 1_000_000, waitMs: 600_000 }
const many = { limit: 1_000_000, window: 1, burst: 1_000_000 }

const names = Array.from({ length: 10_000 }, (_, i) => `a10.0.${i >> 8}.${i & 255}`)
let turn = 0
const next = (): string => names[turn++ % names.length] as string

const pacer = new Pacer(many, queue, timers)
const places = new Places(100, null, queue, timers)
const slow = new SlowDown({ limit: 1_000_000, window: 1, stepMs: 1, maxMs: 1 }, queue, timers)
const peer = new Bottleneck({ maxConcurrent: 100 })

await measure('one request that need not wait, 10,000 callers', {
  rate: () => pacer.enter(next(), 'x'),
  concurrency: () => (places.enter(next(), 'x') as Turn).leave(),
  delayAfter: () => slow.enter(next()),
})
const hundred = Array.from({ length: 100 })
await measure('a hundred jobs at once, none of which need wait', {
  'concurrency, ours': () => {
    for (const one of hundred.map(() => places.enter('all', 'x') as Turn)) one.leave()
  },
  bottleneck: () => Promise.all(hundred.map(() => peer.schedule(() => Promise.resolve()))),
})

const giver = { leave() {} }
const line = new WaitingLine()
for (let i = 0; i < 5000; i++) line.push(names[i % 100] as string, new Turn(giver, null))
const leavers = new WaitingLine()
await measure('5,000 wait, of 100 callers: one more comes', {
  'and the next is served': () => {
    line.push(names[turn++ % 100] as string, new Turn(giver, null))
    return line.shift()
  },
  'asks how many are ahead': () => line.ahead(names[turn++ % 100] as string),
  'and leaves': () => {
    const leaver = new Turn(giver, null)
    leavers.push(next(), leaver)
    leavers.remove(leaver)
  },
})

const opened: FastifyInstance[] = []
const app = (prepare?: (app: FastifyInstance) => PromiseLike<unknown>): Promise<() => Promise<unknown>> =>
  asking(async (one) => {
    opened.push(one)
    await prepare?.(one)
  })
const ours = (options: ThrottleOptions) => app(async (one) => one.register(throttle, options))
const rate = { limit: 1_000_000 }

await measureRequests('one request that need not wait', {
  'bare Fastify': await asking(),
  '@fastify/under-pressure': await app(async (one) => one.register(underPressure, { maxEventLoopDelay: 60_000 })),
  'ours, no rule': await ours({}),
  'ours, shed': await ours({ shed: { eventLoopDelayMs: 60_000 } }),
  'ours, rate': await ours({ rate }),
  'ours, concurrency': await ours({ concurrency: { limit: 100 } }),
  'ours, all four': await ours({
    shed: { eventLoopDelayMs: 60_000 },
    rate,
    concurrency: { limit: 100 },
    delayAfter: { limit: 1_000_000 },
  }),
})
await Promise.all(opened.map((one) => one.close()))
await peer.disconnect()
