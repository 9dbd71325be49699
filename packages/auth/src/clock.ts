/** Time, as whoever waits for it sees it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls once, after that many milliseconds; the returned function calls it off. */
  after(milliseconds: number, act: () => void): () => void
}

/** The time of this machine. Waiting does not keep the process alive. */
export function systemClock(now: () => number): Clock {
  return {
    now,
    after(milliseconds, act) {
      const timer = setTimeout(act, milliseconds).unref()
      return () => clearTimeout(timer)
    },
  }
}

/** Milliseconds that a timer holds; it fires at once when it is given more. */
const LONGEST = 2 ** 31 - 1

/** Calls once, at that second since the epoch; the returned function calls it off. */
export function waitUntil(seconds: number, clock: Clock, act: () => void): () => void {
  let callOff = (): void => {}
  const wait = (): void => {
    const left = Math.max(seconds * 1000 - clock.now(), 0)
    if (left !== Infinity) callOff = clock.after(Math.min(left, LONGEST), left > LONGEST ? wait : act)
  }
  wait()
  return () => callOff()
}
