import { describe, expect, it, vi } from 'vitest'
import type { Outcome, Strategy } from '../src/identity.ts'
import { AskedAgain } from '../src/remote/asked-again.ts'
import { ask } from '../src/remote/look-up.ts'
import { Outage } from '../src/remote/outage.ts'
import { type Manner, RememberedLookUps } from '../src/remote/remembered-look-ups.ts'
import { ManualClock } from './manual-clock.ts'

/** Credentials that are watched by asking, through look-ups that are remembered for `cacheFor` seconds. */
function stage(answer: (credential: string) => unknown, cacheFor = 0) {
  const clock = new ManualClock()
  const now = (): number => clock.now()
  const outage = new Outage(now)
  let failures = 0
  const asked: string[] = []
  const lookUp = { timeoutMs: 1_000, onFailure: () => void failures++, outage }
  const lookUps = new RememberedLookUps<Outcome>({
    ask(credential) {
      asked.push(credential)
      return ask(
        () => answer(credential),
        (value) => value as Outcome,
        lookUp,
      )
    },
    keepFor: (outcome) => (outcome === 'unavailable' ? 0 : cacheFor * 1_000),
    exists: () => true,
    tooMany: 'unavailable',
    now,
    concurrent: 32,
    waiting: 1_000,
    patienceMs: 1_000,
    remembered: 10_000,
  })
  const strategy: Strategy = {
    scheme: 'session',
    find: () => null,
    verify: (credential, _security, manner?: Manner) => lookUps.get(credential, credential, manner),
  }
  const again = new AskedAgain(strategy, outage, clock)
  const watching = again.watching() as Required<Strategy>
  const told: string[] = []
  return {
    again,
    lookUps,
    asked,
    told,
    failures: () => failures,
    watch: (credential: string): (() => void) =>
      watching.watch(credential, {} as never, (outcome) => void told.push(`${credential} ${outcome as string}`)),
    pass: (seconds: number): Promise<void> =>
      clock.pass(seconds * 1000, () => new Promise((resolve) => setTimeout(resolve, 5))),
  }
}

const away = (): never => {
  throw new Error('the store is away')
}

describe('a credential that is asked about again', () => {
  it('is looked up every five seconds, as long as it is watched', async () => {
    const { watch, told, pass } = stage(() => 'unknown')
    const stop = watch('a')
    await pass(4.9)
    expect(told).toEqual([])
    await pass(5.1)
    expect(told).toEqual(['a unknown', 'a unknown'])
    stop()
    await pass(60)
    expect(told).toHaveLength(2)
    watch('b')
    await pass(5)
    expect(told).toEqual(['a unknown', 'a unknown', 'b unknown'])
  })

  it('is one of eight at the same time, and each has its turn', async () => {
    let [underWay, most] = [0, 0]
    const { watch, told, asked, pass } = stage(async () => {
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setImmediate(resolve))
      underWay--
      return 'unknown'
    })
    for (let one = 0; one < 500; one++) watch(String(one))
    await pass(5)
    await vi.waitFor(() => expect(new Set(told).size).toBe(500))
    expect([most, asked.length]).toEqual([8, 500])
  })

  it('is asked about before whatever strangers have asked', async () => {
    const { watch, told, lookUps, pass } = stage((credential) =>
      credential === 'a' ? Promise.resolve('unknown') : new Promise(() => {}),
    )
    for (let one = 0; one < 2_000; one++) void lookUps.get(`stranger-${one}`, `stranger-${one}`)
    watch('a')
    await pass(5)
    expect(told).toEqual(['a unknown'])
  })

  it('is asked about in its turn though others cannot be told, and the log has few lines of that', async () => {
    const { watch, told, failures, pass } = stage(async (credential) => (credential === 'last' ? 'unknown' : away()))
    for (let one = 0; one < 100; one++) watch(String(one))
    watch('last')
    await pass(5)
    expect(failures()).toBeLessThan(16 + 8)
    await pass(30)
    expect(told).toContain('last unknown')
  })

  it('is told of to nobody who has stopped meanwhile, or when the app has closed', async () => {
    const answers: ((outcome: Outcome) => void)[] = []
    const { again, watch, told, pass } = stage(() => new Promise((resolve) => answers.push(resolve)))
    const stop = watch('a')
    watch('b')
    await pass(5)
    stop()
    again.close()
    for (const answer of answers) answer('unknown')
    await vi.waitFor(() => expect(told).toEqual(['b unknown']))
    await pass(60)
    expect(told).toHaveLength(1)
    expect(answers).toHaveLength(2)
  })
})

describe('while nothing answers', () => {
  it.each([
    ['throws', away],
    ['rejects', () => Promise.reject(new Error('away'))],
  ])('and each look-up %s, what is open ends after half a minute, and not before', async (_how, answer) => {
    const { watch, told, pass } = stage(answer)
    watch('a')
    await pass(34)
    expect(told).toEqual([])
    await pass(2)
    expect(told).toEqual(['a unavailable'])
  })

  it('however many are open, all end then, and few are asked about', async () => {
    const { watch, told, asked, pass } = stage(async () => away())
    const stops = new Map(Array.from({ length: 5_000 }, (_, one) => [`${one}`, watch(`${one}`)]))
    await pass(34)
    expect(told).toEqual([])
    await pass(2)
    await vi.waitFor(() => expect(new Set(told).size).toBe(5_000))
    expect(asked.length).toBeLessThan(8 * (16 + 8))
    for (const stop of stops.values()) stop()
  })

  it.each([1, 100])('what is remembered stays as long as it is, and has its grace then; %i are not', async (many) => {
    let isAway = false
    const { watch, told, lookUps, pass } = stage(async () => (isAway ? away() : 'good'), 60)
    await lookUps.get('remembered', 'remembered')
    isAway = true
    const stops = Array.from({ length: many }, (_, one) => watch(`${one}`))
    watch('remembered')
    await pass(40)
    const ended = new Set(told.filter((one) => one.endsWith('unavailable')))
    expect(ended.size).toBe(many)
    expect(ended).not.toContain('remembered unavailable')
    for (const stop of stops) stop()
    await pass(45)
    expect(told).not.toContain('remembered unavailable')
    await pass(10)
    expect(told).toContain('remembered unavailable')
  })

  it('a short outage ends nothing, nor do several with an answer between them', async () => {
    let isAway = true
    const { watch, told, pass } = stage(async () => (isAway ? away() : 'good'))
    watch('a')
    for (let outage = 0; outage < 3; outage++) {
      isAway = true
      await pass(25)
      isAway = false
      await pass(5)
    }
    expect(told.filter((one) => one !== 'a good')).toEqual([])
  })

  it('an outage that nobody has seen the end of is another one', async () => {
    let isAway = true
    const { watch, told, lookUps, pass } = stage(async () => (isAway ? away() : 'good'), 600)
    await lookUps.get('stranger', 'stranger')
    isAway = false
    await lookUps.get('a', 'a')
    watch('a')
    await pass(600)
    isAway = true
    await pass(10)
    expect(told).not.toContain('a unavailable')
  })

  it('about one alone, others stay whatever strangers make of the store', async () => {
    let isBusy = false
    const { watch, told, lookUps, pass } = stage(async (credential) => {
      if (credential === 'broken' || credential.startsWith('stranger')) return away()
      return isBusy ? away() : 'good'
    }, 60)
    watch('broken')
    watch('a')
    await pass(5)
    // Nothing but failures for a minute, for `a` is remembered; then it fails once.
    for (let second = 0; second < 55; second++) {
      await lookUps.get(`stranger-${second}`, `stranger-${second}`)
      await pass(1)
    }
    isBusy = true
    await pass(10)
    isBusy = false
    await pass(60)
    expect(new Set(told)).toEqual(new Set(['broken unavailable', 'a good']))
  })

  it('about one alone, that one ends', async () => {
    const { watch, told, pass } = stage(async (credential) => (credential === 'a' ? away() : 'good'))
    watch('a')
    watch('b')
    await pass(34)
    expect(told).not.toContain('a unavailable')
    await pass(2)
    expect(new Set(told)).toEqual(new Set(['b good', 'a unavailable']))
  })
})
