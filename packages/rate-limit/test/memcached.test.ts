import type { Client } from 'memjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Charge } from '../src/decision.ts'
import { MemcachedStore, type MemcachedClient } from '../src/stores/memcached-store.ts'
import { parsePolicy } from '../src/policy.ts'
import { hasMemcached, MemcachedServer } from '@portcullis/testing/memcached'

const quota = parsePolicy({ name: 'q', limit: 3, window: 60 })
const asked = (subject: string, cost = 1, limit = 3): Charge => ({ quota, subject, cost, limit })
/** The middle of a window. */
const NOON = 1_764_000_030_000

describe.runIf(hasMemcached)('over Memcached', () => {
  let server: MemcachedServer
  let client: Client
  let now = NOON
  let runs = 0
  beforeAll(async () => {
    server = await MemcachedServer.start()
    client = server.client()
  })
  afterAll(async () => {
    await server.stop()
  })
  const outages: string[] = []
  const opened = (prefix = `run${runs++}:`): MemcachedStore =>
    new MemcachedStore({
      client,
      prefix,
      timeoutMs: 250,
      clock: () => Math.floor(performance.now()),
      timeOfDay: () => now,
      onOutage: (reason) => outages.push(reason),
    })
  const quiet = async (): Promise<void> => {
    // One connection keeps the order: what was sent before has been counted.
    await client.get('nothing')
  }

  it('takes a memjs client as its types are', () => {
    client satisfies MemcachedClient
  })

  it('admits exactly the limit of 50 parallel requests over two stores', async () => {
    const stores = [opened('shared:'), opened('shared:')]
    const decisions = await Promise.all(Array.from({ length: 50 }, async (_, i) => stores[i % 2]!.decide([asked('x')])))
    expect(decisions.filter((decision) => decision![0]!.standing.allowed)).toHaveLength(3)
  })

  it('says what is left and when the window of the clock ends', async () => {
    const store = opened()
    const [part] = (await store.decide([asked('x', 2)]))!
    expect(part).toMatchObject({ takenAt: NOON, standing: { allowed: true, before: 3, after: 1, resetMs: 30_000 } })
    const [refused] = (await store.decide([asked('x', 2)]))!
    expect(refused!.standing).toMatchObject({ allowed: false, before: 1, after: 1, retryMs: 30_000 })
  })

  it('starts again with the next window', async () => {
    const store = opened()
    for (let i = 0; i < 3; i++) await store.decide([asked('x')])
    now += 30_000
    try {
      expect((await store.decide([asked('x')]))![0]!.standing).toMatchObject({ before: 3, resetMs: 60_000 })
    } finally {
      now = NOON
    }
  })

  it('spends all or nothing, and nothing when it refuses', async () => {
    const store = opened()
    const wide = { ...quota, name: 'w', tag: 'w:f:9:60:9' }
    const both = [asked('x', 2), { quota: wide, subject: 'y', cost: 1, limit: 9 }]
    expect((await store.decide(both))!.map(({ standing }) => standing.allowed)).toEqual([true, true])
    for (let i = 0; i < 5; i++) {
      expect((await store.decide(both))!.map(({ standing }) => standing.allowed)).toEqual([false, true])
      await quiet()
    }
    expect((await store.peek(both[1]!))!.standing.before).toBe(8)
    expect((await store.decide([asked('x')]))![0]!.standing).toMatchObject({ allowed: true, after: 0 })
  })

  it('gives back, shows and forgets', async () => {
    const store = opened()
    const [part] = (await store.decide([asked('x', 3)]))!
    store.refund(part!, part!.takenAt)
    await quiet()
    expect((await store.peek(asked('x')))!.standing).toMatchObject({ before: 3 })
    await store.decide([asked('x', 3)])
    const { allowed, before, resetMs, retryMs } = (await store.peek(asked('x')))!.standing
    expect([allowed, before, retryMs]).toEqual([false, 0, resetMs])
    expect(await store.forget(asked('x'))).toBe(true)
    expect((await store.decide([asked('x')]))![0]!.standing.before).toBe(3)
  })

  it('keeps no counter longer than its window, and none of a year for ever', async () => {
    const seen: number[] = []
    const counting: MemcachedClient = {
      increment: async (_key, amount, { expires }) => {
        seen.push(expires)
        return { value: amount }
      },
      decrement: async () => ({ value: 0 }),
    }
    const store = new MemcachedStore({
      client: counting,
      prefix: '',
      timeoutMs: 50,
      clock: () => 0,
      timeOfDay: () => NOON,
      onOutage: () => {},
    })
    await store.decide([asked('x')])
    await store.decide([{ ...asked('x'), quota: parsePolicy({ name: 'y', limit: 3, window: 31_536_000 }) }])
    // Above thirty days Memcached takes a number for a date.
    expect(seen).toEqual([61, NOON / 1000 + 31_536_001])
  })

  it('is away when killed, and back when started again', async () => {
    const store = opened()
    expect(await store.decide([asked('x')])).not.toBeNull()
    await server.kill()
    expect(await store.decide([asked('x')])).toBeNull()
    expect(store.decide([asked('x')])).toBeNull()
    expect(outages).toHaveLength(1)
    await server.revive()
    let decision = null
    while (decision === null) {
      await new Promise(setImmediate)
      decision = await store.decide([asked('x')])
    }
    expect(decision[0]!.standing.before).toBe(3)
  })

  it('gives back what is counted after the deadline', async () => {
    let arrive!: () => void
    const given: [string, number][] = []
    const slow: MemcachedClient = {
      increment: () => new Promise((resolve) => (arrive = () => resolve({ value: 1 }))),
      decrement: async (key, amount) => {
        given.push([key.replace(/^.{27}/, ''), amount])
        return { value: 0 }
      },
    }
    const store = new MemcachedStore({
      client: slow,
      prefix: '',
      timeoutMs: 5,
      clock: () => 0,
      timeOfDay: () => NOON,
      onOutage: () => {},
    })
    expect(await store.decide([asked('x', 2)])).toBeNull()
    expect(given).toEqual([])
    arrive()
    await new Promise(setImmediate)
    expect(given).toEqual([[`:${quota.tag}:${Math.floor(NOON / 60_000)}`, 2]])
  })

  it.each([[null], [-1], [1.5], ['1']])('takes the counter %j for a failure', async (value) => {
    const reasons: string[] = []
    const odd = { increment: async () => ({ value }), decrement: async () => ({ value: 0 }) }
    const store = new MemcachedStore({
      client: odd as unknown as MemcachedClient,
      prefix: '',
      timeoutMs: 50,
      clock: () => 0,
      timeOfDay: () => NOON,
      onOutage: (reason) => reasons.push(reason),
    })
    expect(await store.decide([asked('x')])).toBeNull()
    expect(reasons).toEqual(['error'])
  })
})
