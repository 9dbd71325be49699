/** Time, as certificates need it. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Acts once, after `ms` milliseconds; returns what calls it off. Never keeps the process alive. */
  after(ms: number, act: () => void): () => void
}

/** The longest wait that `setTimeout` knows, about 24.8 days. */
const LONGEST = 2_147_483_647

/** The system's time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, act) {
    let timer: NodeJS.Timeout
    const wait = (left: number): void => {
      timer = setTimeout(() => (left > LONGEST ? wait(left - LONGEST) : act()), Math.max(0, Math.min(left, LONGEST)))
      timer.unref()
    }
    wait(ms)
    return () => clearTimeout(timer)
  },
}
