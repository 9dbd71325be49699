import { expect } from 'vitest'
import type { Figure } from '../proof.ts'

/** Expects every figure of a proof to be within its bound. */
export function hold(figures: readonly Figure[]): void {
  expect(figures).not.toEqual([])
  for (const { name, figure, bound, ok } of figures) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}
