import type { Outage } from './outage.ts'

/** A function of the user's that may be slow, absent-minded or broken. */
export interface LookUp {
  /** Milliseconds until it counts as unavailable. */
  readonly timeoutMs: number
  /** Told what went wrong; the client never is. */
  readonly onFailure: (error: unknown) => void
  /** Kept up to date by every answer, and by every look-up without one. */
  readonly outage: Outage
}

/**
 * Asks a user's function and maps whatever happens to an answer: a value (through `read`), or `'unavailable'` for a
 * throw, a rejection, a time-out, or a `read` that throws. Synchronous if the function is.
 */
export function ask<Answer>(
  call: () => unknown,
  read: (value: unknown) => Answer,
  { timeoutMs, onFailure, outage }: LookUp,
): Answer | 'unavailable' | Promise<Answer | 'unavailable'> {
  const answered = (value: unknown): Answer => {
    const answer = read(value)
    outage.answered()
    return answer
  }
  const fail = (error: unknown): 'unavailable' => {
    outage.failed()
    try {
      onFailure(error)
    } catch {
      // What was thrown may be anything, a Proxy that throws when it is logged too.
      onFailure(new TypeError('what was thrown cannot be read'))
    }
    return 'unavailable'
  }
  try {
    const value = call()
    return isThenable(value) ? within(value, timeoutMs).then(answered).catch(fail) : answered(value)
  } catch (error) {
    return fail(error)
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

async function within(value: PromiseLike<unknown>, timeoutMs: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  const end = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs)
  })
  try {
    return await Promise.race([value, end])
  } finally {
    clearTimeout(timer)
  }
}
