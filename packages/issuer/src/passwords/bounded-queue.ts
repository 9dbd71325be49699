/** Runs a few tasks at a time, keeps a few waiting, and turns away the rest: memory and waiting stay bounded. */
export class BoundedQueue {
  readonly #concurrency: number
  readonly #length: number
  readonly #now: () => number
  readonly #waiting: (() => void)[] = []
  #running = 0
  /** Milliseconds that a task takes, lately. */
  #typical = 0

  /** @param now milliseconds, of a clock that only goes forward */
  constructor(concurrency: number, length: number, now: () => number) {
    this.#concurrency = concurrency
    this.#length = length
    this.#now = now
  }

  /** Seconds after which a place is likely to be free. */
  get retryAfter(): number {
    return Math.max(1, Math.ceil((this.#waiting.length * this.#typical) / this.#concurrency / 1000))
  }

  /** @returns null if the queue is full: the task was not run */
  run<T>(task: () => Promise<T>): Promise<T> | null {
    if (this.#running < this.#concurrency) return this.#start(task)
    if (this.#waiting.length >= this.#length) return null
    return new Promise<void>((resolve) => this.#waiting.push(resolve)).then(() => this.#start(task, true))
  }

  async #start<T>(task: () => Promise<T>, hasPlace = false): Promise<T> {
    if (!hasPlace) this.#running++
    const start = this.#now()
    try {
      return await task()
    } finally {
      this.#typical += (this.#now() - start - this.#typical) / 8
      const next = this.#waiting.shift()
      // The place passes on, so that nobody who comes now overtakes.
      if (next === undefined) this.#running--
      else next()
    }
  }
}
