import { expect } from 'vitest'
import type { Figure } from '../proof.ts'

/** Expects every figure of a proof to be within its bound, and, where it is said, so many of them. */
export function hold(figures: readonly Figure[], count: number = figures.length): void {
  expect(figures).not.toEqual([])
  expect(figures).toHaveLength(count)
  for (const { name, figure, bound, ok } of figures) expect(ok, `${name} ${figure} ${bound}`).toBe(true)
}
