import type { FastifyRequest } from 'fastify'

/** A number of units: fixed, or named by a function request by request. */
export type Amount = number | ((request: FastifyRequest) => number)

/** The most that a limit, a burst or a cost may be. */
export const MOST_UNITS = 1_000_000

/** What stands for a value that is no amount. */
export const NO_AMOUNT = -1

/**
 * Compiles an amount: a function that never throws. Whatever is not a whole number from `least` on is `NO_AMOUNT`:
 * a limit that nobody understands must not become no limit.
 * @param onWrong told what was wrong
 */
export function compileAmount(
  given: Amount,
  least: number,
  onWrong: (error: unknown) => void,
): (request: FastifyRequest) => number {
  if (typeof given === 'number') return () => given
  return (request) => {
    let value: unknown
    try {
      value = given(request)
    } catch (error) {
      onWrong(error)
      return NO_AMOUNT
    }
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= MOST_UNITS) return value as number
    // A promise is no number; left alone, its rejection would end the process.
    if (value instanceof Promise) value.catch(() => undefined)
    const was = typeof value === 'number' ? String(value) : typeof value
    onWrong(new TypeError(`gave ${was}, and an amount is a whole number from ${least} to ${MOST_UNITS}`))
    return NO_AMOUNT
  }
}
