import type { Timers } from '../src/alarm.ts'

/** A clock and timers that move only when told. */
export class FakeTimers implements Timers {
  #now = 1_000_000
  readonly #set = new Map<object, { at: number; ring: () => void }>()
  /** How many timers were set at once at the most. */
  most = 0

  now(): number {
    return this.#now
  }

  set(ring: () => void, ms: number): object {
    const timer = {}
    this.#set.set(timer, { at: this.#now + ms, ring })
    this.most = Math.max(this.most, this.#set.size)
    return timer
  }

  clear(timer: unknown): void {
    this.#set.delete(timer as object)
  }

  get pending(): number {
    return this.#set.size
  }

  /** Lets time pass, timer by timer. */
  pass(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const next = [...this.#set].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0]
      if (next === undefined) break
      this.#set.delete(next[0])
      this.#now = Math.max(this.#now, next[1].at)
      next[1].ring()
    }
    this.#now = end
  }

  /** The clock moves and no timer rings: a process that was stopped, or a loop that was blocked. */
  jump(ms: number): void {
    this.#now += ms
  }
}
