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
