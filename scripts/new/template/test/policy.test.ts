import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compilePolicy } from '../src/policy.ts'

describe('a policy', () => {
  it('names the first forbidden field that is present', () => {
    expect(compilePolicy({ fields: ['a', 'b'] })({ b: '1', a: '2' })).toBe('a')
  })

  it('counts an empty value as present', () => {
    expect(compilePolicy({ fields: ['a'] })({ a: '' })).toBe('a')
  })

  it('forbids nothing when its list is empty', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string()), (headers) => {
        expect(compilePolicy({ fields: [] })(headers)).toBeNull()
      }),
    )
  })

  it('names only what is both present and forbidden', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^x-[a-z]{1,3}$/))
    fc.assert(
      fc.property(names, names, (forbidden, present) => {
        const named = compilePolicy({ fields: forbidden })(Object.fromEntries(present.map((name) => [name, '1'])))
        expect(named).toBe(forbidden.find((name) => present.includes(name)) ?? null)
      }),
    )
  })
})
