import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type LookUpParts, RememberedLookUps } from '../src/remote/remembered-look-ups.ts'

interface Pending {
  readonly key: string
  readonly end: (answer: string | Error) => void
}

function lookUps(parts: Partial<LookUpParts<string, string>> = {}) {
  const pending: Pending[] = []
  const time = { now: 0 }
  let asked = 0
  const made = new RememberedLookUps<string>({
    ask: (key) => {
      asked++
      return new Promise((resolve, reject) =>
        pending.push({ key, end: (answer) => (answer instanceof Error ? reject(answer) : resolve(answer)) }),
      )
    },
    keepFor: (answer) => (answer === 'none' ? 100 : 1_000),
    exists: (answer) => answer !== 'none',
    tooMany: 'too many',
    now: () => time.now,
    concurrent: 2,
    waiting: 3,
    patienceMs: 500,
    remembered: 4,
    ...parts,
  })
  return { made, pending, time, asked: () => asked }
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('look-ups', () => {
  it('hold their bounds and answer everybody, in whatever order things happen', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ get: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h') }) },
      { weight: 3, arbitrary: fc.record({ end: fc.nat(5), answer: fc.constantFrom('found', 'none') }) },
      { weight: 1, arbitrary: fc.record({ pass: fc.nat(700) }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { made, pending, time } = lookUps()
        const all: Promise<string>[] = []
        const open = new Set<string>()
        for (const one of steps) {
          if ('get' in one) {
            all.push(Promise.resolve(made.get(one.get, one.get)))
          } else if ('pass' in one) time.now += one.pass
          else if (pending.length > 0) {
            pending.splice(one.end % pending.length, 1)[0]?.end(one.answer)
            await turn()
          }
          open.clear()
          for (const { key } of pending) {
            // One question a key, and never more than two at once.
            expect(open.has(key)).toBe(false)
            open.add(key)
          }
          expect(pending.length).toBeLessThanOrEqual(2)
        }
        while (pending.length > 0) {
          pending.shift()?.end('found')
          await turn()
        }
        for (const answer of await Promise.all(all)) expect(['found', 'none', 'too many']).toContain(answer)
      }),
      { numRuns: 300 },
    )
  })

  it('that fail leave their place to others', async () => {
    const { made, pending } = lookUps({ concurrent: 1 })
    const first = Promise.resolve(made.get('a', 'a'))
    const second = Promise.resolve(made.get('b', 'b'))
    pending.shift()?.end(new Error('broken'))
    await expect(first).rejects.toThrow('broken')
    pending.shift()?.end('found')
    expect(await second).toBe('found')
    const again = made.get('a', 'a')
    expect(again).toBeInstanceOf(Promise)
    pending.shift()?.end('found')
    expect(await again).toBe('found')
  })

  it('for what does not exist push nothing out that does', async () => {
    const { made, asked, pending } = lookUps()
    const first = made.get('a', 'a')
    pending.shift()?.end('found')
    await first
    for (let index = 0; index < 100; index++) {
      const stranger = made.get(`x${index}`, `x${index}`)
      pending.shift()?.end('none')
      await stranger
    }
    expect(made.get('a', 'a')).toBe('found')
    expect(asked()).toBe(101)
  })
})
