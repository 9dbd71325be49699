/** Asked whether an origin may read; must not throw for an unknown one. */
export type FindOrigin = (origin: string) => boolean | Promise<boolean>

/** How answers of a look-up are waited for and remembered. */
export interface LookupSettings {
  /** Milliseconds until an answer that has not come is a no. */
  readonly deadlineMs: number
  /** Seconds that an answer is remembered. */
  readonly ttl: number
  /** Answers remembered at most, of either kind; the oldest goes first. */
  readonly maxEntries: number
  /** Questions waited for at a time; one more is a no. */
  readonly maxPending: number
}

/** Why a question has no answer. */
export type LookupFailure = 'deadline' | 'threw' | 'not-boolean' | 'busy'

/** Time, given so that tests can hold it. */
export interface Clock {
  /** Milliseconds that never go back. */
  now(): number
  /** Runs `act` after some milliseconds, unless the returned function is called before. */
  after(milliseconds: number, act: () => void): () => void
}

/** The time of this machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/** Is told why there was no answer. */
export type LookupFailed = (why: LookupFailure, error?: unknown) => void

/** A look-up: known answers at once, others when they come. Never rejects; without an answer it says no. */
export type Lookup = (origin: string) => boolean | Promise<boolean>

/** Milliseconds that the lack of an answer stands for a no, so that a broken source is not asked by every request. */
const FAILED_FOR = 1000

/**
 * Makes a look-up of a function: each origin is asked for once at a time, each answer remembered for a while, and
 * whatever goes wrong is a no.
 * @param worthAsking keeps malformed origins from the function and from the memory
 */
export function compileLookup(
  find: FindOrigin,
  worthAsking: (origin: string) => boolean,
  { deadlineMs, ttl, maxEntries, maxPending }: LookupSettings,
  clock: Clock,
  failed: LookupFailed,
): Lookup {
  // Until when an answer holds. Apart, so that a flood of made-up origins makes us forget no real one.
  const admitted = new Map<string, number>()
  const refused = new Map<string, number>()
  const pending = new Map<string, Promise<boolean>>()

  const remember = (origin: string, answer: boolean, milliseconds: number): boolean => {
    const answers = answer ? admitted : refused
    answers.delete(origin)
    if (answers.size >= maxEntries) answers.delete(answers.keys().next().value as string)
    answers.set(origin, clock.now() + milliseconds)
    return answer
  }

  const holds = (answers: Map<string, number>, origin: string): boolean => {
    const until = answers.get(origin)
    if (until === undefined) return false
    if (clock.now() < until) return true
    answers.delete(origin)
    return false
  }

  const conclude = (origin: string, answer: unknown): boolean => {
    if (typeof answer === 'boolean') return remember(origin, answer, ttl * 1000)
    failed('not-boolean')
    return remember(origin, false, FAILED_FOR)
  }

  const gaveUp = (origin: string, why: LookupFailure, error?: unknown): boolean => {
    failed(why, error)
    return remember(origin, false, FAILED_FOR)
  }

  const wait = (origin: string, answer: PromiseLike<unknown>): Promise<boolean> => {
    const waiting = new Promise<boolean>((resolve) => {
      let over = false
      const end = (conclusion: () => boolean): void => {
        if (over) return
        over = true
        cancel()
        pending.delete(origin)
        resolve(conclusion())
      }
      const cancel = clock.after(deadlineMs, () => end(() => gaveUp(origin, 'deadline')))
      answer.then(
        (settled) => end(() => conclude(origin, settled)),
        (error: unknown) => end(() => gaveUp(origin, 'threw', error)),
      )
    })
    pending.set(origin, waiting)
    return waiting
  }

  return (origin) => {
    if (holds(admitted, origin)) return true
    if (holds(refused, origin)) return false
    const asked = pending.get(origin)
    if (asked !== undefined) return asked
    if (!worthAsking(origin)) return false
    if (pending.size >= maxPending) {
      failed('busy')
      return false
    }
    try {
      const answer: unknown = find(origin)
      return isThenable(answer) ? wait(origin, answer) : conclude(origin, answer)
    } catch (error) {
      return gaveUp(origin, 'threw', error)
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
