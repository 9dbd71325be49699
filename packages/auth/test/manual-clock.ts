import type { Clock } from '../src/clock.ts'

/** Time that passes when the test says so. */
export class ManualClock implements Clock {
  #now: number
  readonly #waiting = new Set<{ readonly at: number; readonly act: () => void }>()

  constructor(now = 1_800_000_000_000) {
    this.#now = now
  }

  now(): number {
    return this.#now
  }

  after(milliseconds: number, act: () => void): () => void {
    const entry = { at: this.#now + milliseconds, act }
    this.#waiting.add(entry)
    return () => void this.#waiting.delete(entry)
  }

  /**
   * Lets time pass.
   * @param settled awaited after everything that time brings: what it began is over before more time passes
   */
  async pass(milliseconds: number, settled: () => Promise<unknown> = async () => {}): Promise<void> {
    const end = this.#now + milliseconds
    for (;;) {
      const [next] = [...this.#waiting].filter(({ at }) => at <= end).toSorted((one, other) => one.at - other.at)
      if (next === undefined) break
      this.#waiting.delete(next)
      this.#now = Math.max(this.#now, next.at)
      next.act()
      await settled()
    }
    this.#now = end
  }
}
