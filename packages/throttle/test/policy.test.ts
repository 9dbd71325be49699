import fc from 'fast-check'
import { expect, it } from 'vitest'
import { longestWaitMs, parsePolicy, tooLong } from '../src/policy.ts'

it('fills in what is left out, and leaves off what is off', () => {
  expect(parsePolicy({ rate: { limit: 7 }, concurrency: false, shed: {} })).toEqual({
    rate: { limit: 7, window: 1, burst: 7, partitionBy: 'ip' },
    concurrency: null,
    delayAfter: null,
    shed: { eventLoopDelayMs: 250, retryAfter: 5 },
    queue: { length: 1000, perCaller: 100, waitMs: 10_000, partitionBy: 'identity' },
  })
})

it('mends every wait that is too long by its fix', () => {
  const rule = fc.record({ limit: fc.constant(5) })
  const either = fc.option(rule, { nil: undefined })
  const options = fc.record({
    rate: either,
    concurrency: either,
    delayAfter: fc.option(fc.record({ limit: fc.constant(5), maxMs: fc.integer({ min: 1, max: 20_000 }) }), {
      nil: undefined,
    }),
    queue: fc.record({ waitMs: fc.integer({ min: 1, max: 20_000 }) }),
  })
  fc.assert(
    fc.property(options, fc.integer({ min: 1000, max: 30_000 }), (given, requestTimeout) => {
      let mended = structuredClone(given) as Record<string, Record<string, unknown>>
      for (let turn = 0; turn < 3; turn++) {
        const found = tooLong(parsePolicy(mended as object), requestTimeout)
        if (found === null) break
        for (const operation of found.fix) {
          const [, rule, key] = operation.path.split('/') as [string, string, string]
          mended = { ...mended, [rule]: { ...mended[rule], [key]: 'value' in operation ? operation.value : undefined } }
        }
      }
      expect(longestWaitMs(parsePolicy(mended as object))).toBeLessThanOrEqual(requestTimeout)
    }),
  )
})
