import type { Refusal } from '@portcullis/kernel'
import { errors } from './errors.ts'
import type { WaitingRule } from './policy.ts'

/** RFC 9110 §10.2.3: whole seconds, and 0 would mean "at once". */
export const secondsOf = (ms: number): number => Math.max(1, Math.ceil(ms / 1000 - 1e-9))

const again = (seconds: number): string => `Try again in ${seconds} ${seconds === 1 ? 'second' : 'seconds'}.`

/** Kept for so many seconds each, so that refusing costs little. */
const KEPT = 600

/** The refusals of one rule, by the milliseconds after which a request might be taken. */
export function refusalsOf(rule: WaitingRule): (ms: number) => Refusal {
  const busy = rule === 'concurrency'
  const base = busy ? errors.PTC_THROTTLE_BUSY : errors.PTC_THROTTLE_TOO_FAST
  const detail = Object.freeze({ rule })
  const kept: Refusal[] = []
  return (ms) => {
    const retryAfter = secondsOf(ms)
    const known = kept[retryAfter]
    if (known !== undefined) return known
    const fact = busy ? 'The service is busy.' : 'Too many requests are waiting.'
    const made = base.with({ sentence: `${fact} ${again(retryAfter)}`, retryAfter, detail })
    if (retryAfter <= KEPT) kept[retryAfter] = made
    return made
  }
}

/** The refusal of an overloaded process. */
export function overloaded(retryAfter: number, delayMs: () => number): Refusal {
  return errors.PTC_THROTTLE_OVERLOADED.with({
    sentence: `The service is overloaded. ${again(retryAfter)}`,
    retryAfter,
    detail: {
      get eventLoopDelayMs() {
        return Math.round(delayMs())
      },
    },
  })
}

/** The refusal of whoever waits while the app closes. */
export function interrupted(rule: WaitingRule): Refusal {
  // RFC 9112 §9.6: nothing more is served on this connection. The kernel leaves the field out under HTTP/2.
  return errors.PTC_THROTTLE_CLOSING.with({ fields: { connection: 'close' }, detail: { rule } })
}
