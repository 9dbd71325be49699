import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blankCharge } from '../src/decision.ts'
import { hashSlot } from '../src/stores/hash-slot.ts'
import { parsePolicy } from '../src/policy.ts'
import { RedisStore } from '../src/stores/redis-store.ts'
import { ServerClock } from '../src/stores/server-clock.ts'

const quota = parsePolicy({ name: 'per-ip', limit: 3, window: 600 })
const of = (subject: string) => [{ ...blankCharge(quota), subject }]
const admitted = [3, 600_000, 0]
const refused = [0, 600_000, 600_000]

/** What a server answers to one command; `null`: it fails. */
type Answer = readonly number[] | null | (() => Promise<unknown>)

/** A store over a server that answers as told, on a clock that is ahead of ours by `ahead` ms. */
function made(answers: Answer[], ahead = 1_000_000) {
  let now = 0
  const commands: { keys: string[]; args: string[] }[] = []
  const outages: string[] = []
  let recoveries = 0
  let trips = 0
  const evalsha = async (_sha: string, count: number, ...rest: string[]): Promise<unknown> => {
    trips++
    const [keys, args] = [rest.slice(0, count), rest.slice(count)]
    if (now + ahead > Number(args[0])) return [now + ahead]
    commands.push({ keys, args })
    const answer = answers[Math.min(commands.length, answers.length) - 1]!
    if (answer === null) throw new Error('gone')
    return typeof answer === 'function' ? answer() : [now + ahead, ...answer]
  }
  const client = { status: 'ready', evalsha, eval: evalsha }
  const store = new RedisStore({
    client,
    prefix: '',
    timeoutMs: 10,
    clock: () => now,
    onOutage: (reason) => outages.push(reason),
    onRecovery: () => recoveries++,
  })
  return {
    client,
    commands,
    outages,
    store,
    recoveries: () => recoveries,
    trips: () => trips,
    decide: (subject: string) => store.decide(of(subject)),
    wait: (ms: number) => (now += ms),
    turn: (ms: number) => (ahead += ms),
  }
}

describe('the breaker', () => {
  it('asks nothing for half a second after a failure, then lets one request try', async () => {
    const { decide, outages, commands, wait, recoveries } = made([null, null, admitted])
    expect(await decide('x')).toBeNull()
    expect(decide('x')).toBeNull()
    wait(499)
    expect(decide('x')).toBeNull()
    wait(1)
    const attempt = decide('x')
    expect(decide('x')).toBeNull()
    expect(await attempt).toBeNull()
    wait(500)
    expect(await decide('x')).toMatchObject([{ subject: 'x', standing: { allowed: true, after: 2 } }])
    expect(await decide('x')).not.toBeNull()
    expect([outages, recoveries(), commands.length]).toEqual([['error'], 1, 4])
  })

  it('reports a second outage after a recovery', async () => {
    const { decide, outages, wait } = made([null, admitted, null])
    await decide('x')
    wait(500)
    await decide('x')
    await decide('x')
    expect(outages).toEqual(['error', 'error'])
  })

  it('counts a server that refuses writes as away, though it answers blocked callers', async () => {
    const { decide, outages, commands, wait } = made([null, refused, null, refused, null, refused, admitted, null])
    await decide('x')
    for (let second = 0; second < 2; second++) {
      wait(500)
      expect(await decide('blocked')).toMatchObject([{ standing: { allowed: false } }])
      // A refusal writes nothing, so it proves nothing: whoever asks next is the next attempt.
      expect(await decide('x')).toBeNull()
      expect(decide('x')).toBeNull()
    }
    expect(outages).toEqual(['error'])
    wait(500)
    await decide('blocked')
    expect(await decide('x')).toMatchObject([{ standing: { allowed: true } }])
    expect(await decide('x')).toBeNull()
    expect([outages, commands.length]).toEqual([['error', 'error'], 8])
  })

  it('sends nothing over a lost connection, and asks at once when it is back', async () => {
    const { client, decide, outages, commands } = made([admitted])
    client.status = 'reconnecting'
    expect(decide('x')).toBeNull()
    expect([outages, commands.length]).toEqual([['error'], 0])
    client.status = 'ready'
    expect(await decide('x')).not.toBeNull()
  })

  it.each([[null], ['OK'], [[]], [[1, 2]], [[1, 3, 2, 'x']], [[1, 3, 2, null]], [[1, 3, [], {}]], [[1, 3, 2, 1.5]]])(
    'takes the answer %j for a failure',
    async (answer) => {
      const { decide, outages } = made([async () => answer])
      expect(await decide('x')).toBeNull()
      expect(outages).toEqual(['error'])
    },
  )
})

describe('the deadline', () => {
  it('gives up on an answer that never comes', async () => {
    const { decide, outages } = made([() => new Promise(() => {})])
    expect(await decide('x')).toBeNull()
    expect(decide('x')).toBeNull()
    expect(outages).toEqual(['timeout'])
  })

  it('gives back what a late answer says was taken', async () => {
    let late!: (value: unknown) => void
    const { decide, commands } = made([() => new Promise((resolve) => (late = resolve)), [1]])
    expect(await decide('x')).toBeNull()
    late([1_000_000, ...admitted])
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    expect(commands).toHaveLength(2)
    expect(commands[1]!.args).toContain('refund')
    expect(commands[1]!.args.at(-1)).toBe('1000000')
    expect(commands[1]!.keys[0]).toBe(commands[0]!.keys[0])
  })

  it('gives nothing back for a late refusal', async () => {
    let late!: (value: unknown) => void
    const { decide, commands } = made([() => new Promise((resolve) => (late = resolve)), [1]])
    expect(await decide('x')).toBeNull()
    late([1_000_000, ...refused])
    await new Promise(setImmediate)
    await new Promise(setImmediate)
    expect(commands).toHaveLength(1)
  })

  it('tells the server in its own time until when an answer is awaited', async () => {
    const { decide, commands, wait } = made([admitted], 5_000_000)
    await decide('x')
    wait(1000)
    await decide('x')
    // One millisecond less than what can be known: clocks are read in whole milliseconds.
    expect(commands.map(({ args }) => Number(args[0]))).toEqual([5_000_009, 5_001_009])
  })

  it('needs one trip for the first decision after a greeting, two without, and none over a lost connection', async () => {
    const [stranger, known, lost] = [made([admitted]), made([admitted]), made([admitted])]
    await stranger.decide('x')
    expect(stranger.trips()).toBe(2)
    known.store.greet()
    await new Promise(setImmediate)
    await known.decide('x')
    expect(known.trips()).toBe(2)
    expect(known.commands).toHaveLength(1)
    lost.client.status = 'end'
    lost.store.greet()
    expect(lost.trips()).toBe(0)
  })

  it.each([-3_600_000, 3_600_000])('follows a server whose clock is set by %i ms', async (by) => {
    const { decide, outages, turn, wait, commands } = made([admitted], 5_000_000_000)
    await decide('x')
    turn(by)
    wait(1)
    expect(await decide('x')).not.toBeNull()
    expect(await decide('x')).not.toBeNull()
    expect(outages).toEqual([])
    // As late as can be true: within the milliseconds that the clocks are rounded to.
    expect(Number(commands[2]!.args[0])).toBeLessThanOrEqual(5_000_000_000 + by + 12)
  })

  it('is never later on the server’s clock than on ours, by more than the fastest answer took', () => {
    const trip = fc.record({ out: fc.nat(50), back: fc.nat(50), gap: fc.nat(1000) })
    fc.assert(
      fc.property(fc.integer({ min: -1e9, max: 1e12 }), fc.array(trip, { minLength: 1 }), (ahead, trips) => {
        const clock = new ServerClock()
        let now = 0
        for (const { out, back, gap } of trips) {
          const sent = (now += gap)
          const time = (now += out) + ahead
          now += back
          clock.learn(time, sent, now)
          expect(clock.at(now)).toBeLessThanOrEqual(now + ahead)
        }
        const fastest = Math.min(...trips.map(({ back }) => back))
        expect(clock.at(now)).toBeGreaterThanOrEqual(now + ahead - fastest - 1)
      }),
    )
  })
})

describe('decisions of one tick', () => {
  it('are one command, and each gets its own answer', async () => {
    const { store, commands } = made([[3, 9, 0, 0, 8, 8, 2, 7, 0]])
    const decisions = await Promise.all(['x', 'y', 'z'].map(async (subject) => store.decide(of(subject))))
    expect(commands).toHaveLength(1)
    expect(commands[0]!.keys).toHaveLength(3)
    expect(decisions.map((decision) => [decision![0]!.subject, decision![0]!.standing.before])).toEqual([
      ['x', 3],
      ['y', 0],
      ['z', 2],
    ])
  })

  it('are several commands when they are very many', async () => {
    const { store, commands } = made([Array.from({ length: 300 }, (_, i) => [3, 9, 0][i % 3]!)])
    await Promise.all(Array.from({ length: 200 }, async (_, i) => store.decide(of(String(i)))))
    expect(commands.map(({ keys }) => keys.length)).toEqual([100, 100])
  })
})

describe('on a cluster', () => {
  const policies = ['a', 'b'].map((name) => parsePolicy({ name, limit: 3, window: 600 }))
  const [first, second] = policies as [(typeof policies)[0], (typeof policies)[0]]
  const charges = (one: string, other: string) => [
    { ...blankCharge(first), subject: one },
    { ...blankCharge(second), subject: other },
  ]

  /** A cluster of one clock; answers by the policy in the key, and has a master a slot. */
  function clustered(answers: Record<string, readonly number[] | null>) {
    const commands: string[][] = []
    const evalsha = async (_sha: string, count: number, ...rest: string[]): Promise<unknown> => {
      const [keys, args] = [rest.slice(0, count), rest.slice(count)]
      if (Number(args[0]) < 1000) return [1000]
      commands.push([args[1]!, ...keys.map((key) => key.replace(/^.*\}:(\w).*$/, '$1'))])
      if (args[1] === 'refund') return [1000, 1]
      const answer = keys.flatMap((key) => answers[key.replace(/^.*\}:(\w).*$/, '$1')] ?? [Number.NaN])
      return [1000, ...answer]
    }
    const slots = Array.from({ length: 16_384 }, (_, slot) => [`node-${slot}`])
    const client = { status: 'ready', isCluster: true, slots, evalsha, eval: evalsha }
    const outages: string[] = []
    const store = new RedisStore({
      client,
      prefix: '',
      timeoutMs: 50,
      clock: () => 0,
      onOutage: (reason) => outages.push(reason),
    })
    return { store, commands, outages }
  }
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate)
  }

  it('quotas of one caller are one command', async () => {
    const { store, commands } = clustered({ a: admitted, b: admitted })
    expect(await store.decide(charges('x', 'x'))).toHaveLength(2)
    expect(commands).toEqual([['take', 'a', 'b']])
  })

  it('quotas of two callers are asked where they live, and what one took is given back when the other refuses', async () => {
    const { store, commands } = clustered({ a: admitted, b: refused })
    const decision = await store.decide(charges('x', 'y'))
    expect(decision!.map(({ standing }) => standing.allowed)).toEqual([true, false])
    await settled()
    expect(commands.map(([act, key]) => `${act} ${key}`)).toEqual(['take a', 'take b', 'refund a'])
  })

  it('a node that fails is no decision, gives back what the others took, and stops nobody who lives elsewhere', async () => {
    const { store, commands, outages } = clustered({ a: admitted, b: null })
    expect(await store.decide(charges('x', 'y'))).toBeNull()
    await settled()
    expect(commands.map(([act, key]) => `${act} ${key}`)).toEqual(['take a', 'take b', 'refund a'])
    expect(outages).toEqual(['error'])
    expect(await store.decide([charges('x', 'y')[0]!])).not.toBeNull()
    expect(store.decide([charges('x', 'y')[1]!])).toBeNull()
  })
})

it.each([
  ['123456789', 0x31c3],
  ['foo', 12182],
  ['user1000', 3443],
])('the slot of {%s} is %i', (tag, slot) => {
  expect(hashSlot(tag)).toBe(slot & 0x3fff)
})
