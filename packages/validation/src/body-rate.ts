/** A body under way. */
export interface Arrival {
  /** When it began to be read, in milliseconds. */
  since: number
  /** Bytes that have come. */
  received(): number
  /** Whether it waits for us, not for its sender. */
  held?(): boolean
  /** Told once, when it has come too slowly. */
  cut(received: number): void
}

/** What the watch needs of its surroundings. */
export interface Ticker {
  now(): number
  /** Calls back every so many milliseconds; returns how to stop. */
  every(ms: number, tick: () => void): () => void
}

/** The least speed at which a body must come. */
export interface Rate {
  readonly bytesPerSecond: number
  /** Seconds before the average counts. */
  readonly grace: number
}

/** How often bodies are looked at: none is cut more than this too late. */
const TICK_MS = 250

/** Watches bodies by one timer for all: a body that has arrived when it is first looked at costs two Set operations. */
export class BodyRates {
  readonly #ticker: Ticker
  readonly #open = new Map<Arrival, Rate>()
  #stop: (() => void) | null = null

  constructor(ticker: Ticker) {
    this.#ticker = ticker
  }

  get size(): number {
    return this.#open.size
  }

  watch(arrival: Arrival, rate: Rate): void {
    this.#open.set(arrival, rate)
    this.#stop ??= this.#ticker.every(TICK_MS, () => this.#look())
  }

  leave(arrival: Arrival): void {
    this.#open.delete(arrival)
  }

  /** Ends the timer; bodies under way are not watched any more. */
  close(): void {
    this.#open.clear()
    this.#stop?.()
    this.#stop = null
  }

  #look(): void {
    // Nothing was under way since the last look: the next body starts the timer again.
    if (this.#open.size === 0) return this.close()
    const now = this.#ticker.now()
    for (const [arrival, { bytesPerSecond, grace }] of this.#open) {
      if (arrival.held?.() === true) {
        arrival.since = now
        continue
      }
      const seconds = (now - arrival.since) / 1000
      const received = arrival.received()
      if (seconds < grace || received >= bytesPerSecond * seconds) continue
      this.#open.delete(arrival)
      arrival.cut(received)
    }
  }
}
