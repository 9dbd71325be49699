import { expect, it } from 'vitest'
import { prove as sanitizer } from '../proofs/xss-sanitizer.ts'

it('the sanitizer is done with hostile input in time', async () => {
  for (const { name, figure, bound, ok } of await sanitizer('small'))
    expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}, 60_000)
