import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { apiKeyStrategy, type ApiKeyParts } from '../src/api-keys/strategy.ts'
import { type ApiKeyEntry, apiKeyReader, createApiKey, hashApiKey, rotateApiKey } from '../src/api-keys/format.ts'
import { ApiKeyUses, type ApiKeyUse } from '../src/api-keys/uses.ts'
import type { Outcome } from '../src/identity.ts'
import { Outage } from '../src/remote/outage.ts'
import { ManualClock } from './manual-clock.ts'

const failures: unknown[] = []
function strategy(parts: Partial<ApiKeyParts> & Pick<ApiKeyParts, never>) {
  return apiKeyStrategy({
    header: 'x-api-key',
    prefix: 'ptc',
    keys: [],
    find: undefined,
    pepper: undefined,
    cacheFor: 30,
    onUse: undefined,
    now: Date.now,
    timeoutMs: 1000,
    onFailure: (error) => void failures.push(error),
    outage: new Outage(Date.now),
    ...parts,
  })
}
/** Outcomes, those that are there at once among them. */
const settled = (all: readonly (Outcome | Promise<Outcome>)[]): Promise<Outcome[]> =>
  Promise.all(all.map((one) => Promise.resolve(one)))
const said = (outcome: Outcome): string => (typeof outcome === 'string' ? outcome : outcome.subject)
const { key, entry } = createApiKey({ subject: 'billing', scopes: ['a'], roles: ['support'], claims: { plan: 'gold' } })
const pepper = 'Vw3k_8sQe1Jp-Zt6yNf0Lb9xRg4uHc7mXa2dKo5iTzE'

describe('an API key that is made', () => {
  it('is prefix, id, 256 random bits and checksum, in letters and digits', () => {
    expect(key).toMatch(/^ptc_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}$/)
    expect(createApiKey({ prefix: 'shop_live', subject: 's' }).key).toMatch(/^shop_live_/)
    expect(new Set(Array.from({ length: 100 }, () => createApiKey({ subject: 's' }).key)).size).toBe(100)
  })

  it('leaves an entry that has its hash and not the key', () => {
    expect(entry).toEqual({
      id: key.split('_')[1],
      hash: hashApiKey(key),
      subject: 'billing',
      scopes: ['a'],
      roles: ['support'],
      claims: { plan: 'gold' },
    })
    expect(JSON.stringify(entry)).not.toContain(key.split('_')[2])
  })

  it('uses every digit alike', () => {
    // Bytes in turn: each digit appears as often as the others, and what would favour some is passed over.
    let next = 0
    const random = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => next++ % 256))
    const counts = new Map<string, number>()
    for (let made = 0; made < 200; made++) {
      const [, id = '', secret = ''] = createApiKey({ subject: 's' }, random).key.split('_')
      for (const digit of `${id}${secret}`) counts.set(digit, (counts.get(digit) ?? 0) + 1)
    }
    expect(counts.size).toBe(62)
    expect(Math.max(...counts.values()) / Math.min(...counts.values())).toBeLessThan(1.3)
  })

  it('refuses a prefix that would not be found again', () => {
    expect(() => createApiKey({ prefix: 'Shop!', subject: 's' })).toThrow('is no prefix')
    expect(() => createApiKey({ id: 'short', subject: 's' })).toThrow('12 letters and digits')
  })

  it('refuses an end in milliseconds, in words or in the past of the epoch', () => {
    for (const expires of [1_893_456_000_000, 4_000_000_000.5, -1, '4000000000' as unknown as number])
      expect(() => createApiKey({ subject: 's', expires })).toThrow('whole seconds since the epoch')
  })
})

describe('the checksum', () => {
  it('refuses every key with one other character, and asks nobody', () => {
    const find = vi.fn(() => null)
    const { verify } = strategy({ find })
    const digits = fc.constantFrom(...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-. '.split(''))
    fc.assert(
      fc.property(fc.integer({ min: 0, max: key.length - 1 }), digits, (at, other) => {
        fc.pre(key[at] !== other)
        expect(verify(`${key.slice(0, at)}${other}${key.slice(at + 1)}`)).toBe('malformed')
      }),
      { numRuns: 2000 },
    )
    expect(find).not.toHaveBeenCalled()
  })

  it('reads any text without an error, and only its own prefix', () => {
    const read = apiKeyReader('ptc')
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => read(text) === null))
    expect(read(key)).toBe(entry.id)
    expect(apiKeyReader('shop')(key)).toBeNull()
    expect(read(`${key}\n`)).toBeNull()
  })
})

describe('a key at rest', () => {
  it('with a pepper is of no use without it', async () => {
    const made = createApiKey({ subject: 'billing', pepper })
    expect(made.entry.hash).not.toBe(hashApiKey(made.key))
    expect(said(await strategy({ keys: [made.entry], pepper }).verify(made.key))).toBe('billing')
    expect(said(await strategy({ keys: [made.entry] }).verify(made.key))).toBe('unknown')
  })

  it('is not replaced by whoever can write a plain hash into the table', async () => {
    const forged = createApiKey({ subject: 'admin' })
    expect(said(await strategy({ find: () => forged.entry, pepper }).verify(forged.key))).toBe('unknown')
  })
})

describe('an expiry', () => {
  it('is looked at on every use, remembered or not', async () => {
    const clock = new ManualClock()
    const made = createApiKey({ subject: 's', expires: clock.now() / 1000 + 10 })
    for (const parts of [{ keys: [made.entry] }, { find: () => made.entry }]) {
      const time = new ManualClock()
      const { verify } = strategy({ ...parts, now: () => time.now() })
      expect(said(await verify(made.key))).toBe('s')
      await time.pass(9_999)
      expect(said(await verify(made.key))).toBe('s')
      await time.pass(1)
      expect(await verify(made.key)).toBe('expired')
    }
  })
})

describe('a rotation', () => {
  it('accepts both generations of one id until the overlap is over', async () => {
    const clock = new ManualClock()
    const next = rotateApiKey(entry, { overlap: 3600 }, () => clock.now())
    const { verify } = strategy({ keys: [...next.entries], now: () => clock.now() })
    const both = async () => [said(await verify(key, {} as never)), said(await verify(next.key))]
    expect(await both()).toEqual(['billing', 'billing'])
    await clock.pass(3_600_000)
    expect(await both()).toEqual(['expired', 'billing'])
    expect(next.entries.map(({ id, scopes, roles }) => [id, scopes, roles])).toEqual([
      [entry.id, ['a'], ['support']],
      [entry.id, ['a'], ['support']],
    ])
    expect(next.entries[0].expires).toBeUndefined()
  })

  it('holds at once where the old generation is remembered, and a guesser asks once a second at most', async () => {
    const clock = new ManualClock()
    let rows: readonly ApiKeyEntry[] = [entry]
    const find = vi.fn(async () => rows)
    const { verify } = strategy({ find, now: () => clock.now() })
    expect(said(await verify(key))).toBe('billing')
    const next = rotateApiKey(entry, { overlap: 3600 }, () => clock.now())
    rows = next.entries
    await clock.pass(1_000)
    expect(said(await verify(next.key))).toBe('billing')
    expect(said(verify(key) as Outcome)).toBe('billing')
    expect(find).toHaveBeenCalledTimes(2)
    const guess = createApiKey({ id: entry.id, subject: 'x' }).key
    for (let time = 0; time < 40; time++) {
      expect(await verify(guess)).toBe('unknown')
      await clock.pass(100)
    }
    expect(find).toHaveBeenCalledTimes(2 + 3)
  })

  it('does not prolong a key that expires sooner', () => {
    const soon = { ...entry, expires: 1_000 }
    expect(rotateApiKey(soon, { overlap: 3600 }, () => 0).entries[1].expires).toBe(1_000)
    // Nor does the new one outlive what was granted, unless the caller says so.
    expect(rotateApiKey(soon, { overlap: 3600 }, () => 0).entries[0].expires).toBe(1_000)
    expect(rotateApiKey(soon, { overlap: 3600, expires: 9_000 }, () => 0).entries[0].expires).toBe(9_000)
  })
})

describe('look-ups', () => {
  it('of one key at once are one', async () => {
    let answer: (found: ApiKeyEntry) => void = () => {}
    const find = vi.fn(() => new Promise<ApiKeyEntry>((resolve) => (answer = resolve)))
    const { verify } = strategy({ find })
    const all = Array.from({ length: 50 }, () => verify(key))
    answer(entry)
    expect(new Set((await settled(all)).map(said))).toEqual(new Set(['billing']))
    expect(find).toHaveBeenCalledTimes(1)
  })

  it('are remembered, then made again: a withdrawn key is refused within cacheFor', async () => {
    const clock = new ManualClock()
    let stored: ApiKeyEntry | null = entry
    const find = vi.fn(async () => stored)
    const { verify } = strategy({ find, now: () => clock.now() })
    expect(said(await verify(key))).toBe('billing')
    stored = null
    // Remembered: synchronous.
    expect(said(verify(key) as Outcome)).toBe('billing')
    await clock.pass(30_000)
    expect(await verify(key)).toBe('unknown')
    expect(find).toHaveBeenCalledTimes(2)
  })

  it('of unknown keys are made again after five seconds', async () => {
    const clock = new ManualClock()
    const find = vi.fn(async () => null)
    const { verify } = strategy({ find, now: () => clock.now() })
    for (let time = 0; time < 10; time++) {
      expect(await verify(key)).toBe('unknown')
      await clock.pass(1_000)
    }
    expect(find).toHaveBeenCalledTimes(2)
  })

  it('of a flood of invented keys are capped, and known keys do not wait for them', async () => {
    const mine = createApiKey({ subject: 'known' })
    const ends: (() => void)[] = []
    const find = vi.fn((id: string) =>
      id === mine.entry.id ? mine.entry : new Promise<null>((resolve) => ends.push(() => resolve(null))),
    )
    const { verify } = strategy({ find })
    expect(said(verify(mine.key) as Outcome)).toBe('known')
    const flood = Array.from({ length: 2_000 }, () => verify(createApiKey({ subject: 'x' }).key))
    expect(find).toHaveBeenCalledTimes(1 + 32)
    expect(flood.filter((one) => one === 'unavailable')).toHaveLength(2_000 - 1_000 - 32)
    expect(said(verify(mine.key) as Outcome)).toBe('known')
    const waiting = settled(flood)
    while (ends.length > 0) {
      for (const end of ends.splice(0)) end()
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await waiting).filter((one) => one === 'unknown')).toHaveLength(1_032)
    expect(find).toHaveBeenCalledTimes(1 + 1_032)
  })

  it('that waited too long are not made', async () => {
    const clock = new ManualClock()
    const ends: (() => void)[] = []
    const find = vi.fn(() => new Promise<null>((resolve) => ends.push(() => resolve(null))))
    const { verify } = strategy({ find, now: () => clock.now() })
    const all = Array.from({ length: 40 }, () => verify(createApiKey({ subject: 'x' }).key))
    await clock.pass(1_001)
    for (const end of ends.splice(0)) end()
    const outcomes = await settled(all)
    expect(outcomes.filter((one) => one === 'unavailable')).toHaveLength(8)
    expect(find).toHaveBeenCalledTimes(32)
  })

  it.each<[string, unknown]>([
    ['an entry of another id', { ...entry, id: 'zzzzzzzzzzzz' }],
    ['a hash in capitals', { ...entry, hash: entry.hash.toUpperCase() }],
    ['no hash', { ...entry, hash: undefined }],
    ['an expiry in milliseconds', { ...entry, expires: 1_893_456_000_000 }],
    ['an expiry as text', { ...entry, expires: '4000000000' }],
    ['an expiry as a date', { ...entry, expires: new Date() }],
    ['a scope with a blank', { ...entry, scopes: ['a b'] }],
    ['roles with holes', { ...entry, roles: new Array(1) }],
    ['no subject', { ...entry, subject: '' }],
    ['true', true],
    ['a result', { rows: [entry] }],
    ['a list with something else', [entry, { ok: true }]],
  ])('that yield %s are no answer', async (_name, value) => {
    failures.length = 0
    expect(await strategy({ find: (async () => value) as never }).verify(key)).toBe('unavailable')
    expect(failures).toHaveLength(1)
  })
})

describe('last use', () => {
  it('is told in one batch a minute, with the latest time', async () => {
    const clock = new ManualClock(0)
    const told: (readonly ApiKeyUse[])[] = []
    const uses = new ApiKeyUses(
      clock,
      (batch) => void told.push(batch),
      () => {},
    )
    const { verify } = strategy({ keys: [entry], onUse: (id) => uses.note(id), now: () => 0 })
    for (let second = 0; second < 180; second++) {
      await verify(key)
      await verify(`${key}x`)
      await clock.pass(1_000)
    }
    expect(told).toEqual([59, 119, 179].map((usedAt) => [{ id: entry.id, usedAt }]))
  })

  it('that cannot be told fails no request', async () => {
    const clock = new ManualClock(0)
    const failed: unknown[] = []
    const uses = new ApiKeyUses(
      clock,
      () => Promise.reject(new Error('away')),
      (error) => void failed.push(error),
    )
    uses.note('a')
    await uses.flush()
    expect(failed).toHaveLength(1)
  })
})
