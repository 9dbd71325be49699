import type { Clock } from '../src/certificates/clock.ts'

/** A clock that stands still until it is told to go on. */
export function fakeClock(
  start: number = Date.now(),
): Clock & { pass(ms: number): Promise<void>; waiting(): number[] } {
  let now = start
  const timers = new Set<{ at: number; act: () => void }>()
  /** Lets everything happen that waits for no time: promises, the file system, the making of keys. */
  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 10; quiet++) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (process.getActiveResourcesInfo().some((kind) => /^FSReq|Request$|Job$/.test(kind))) quiet = 0
    }
  }
  return {
    now: () => now,
    after(ms, act) {
      const timer = { at: now + Math.max(0, ms), act }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    waiting: () => [...timers].map(({ at }) => at - now).toSorted((a, b) => a - b),
    async pass(ms) {
      const end = now + ms
      await settle()
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)
        if (next === undefined) break
        timers.delete(next)
        now = Math.max(now, next.at)
        next.act()
        await settle()
      }
      now = end
    },
  }
}
