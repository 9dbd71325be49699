/** A body under way. */
export interface Arrival {
  /** Bytes that have come. */
  received(): number
  /** Whether `received` counts what came before the body too. */
  readonly counts?: 'more'
  /** Whether it has come whole, or nobody waits for it any more. */
  over(): boolean
  /** Whether it waits for us, not for its sender. */
  held?(): boolean
  /** Told once, when it has come too slowly. */
  cut(received: number): void
}

/** What the watch needs of its surroundings. */
export interface Ticker {
  now(): number
  /** Calls back once, when what is there already has been read. */
  soon(look: () => void): void
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

/** A body that did not come with its header section. */
interface Watched {
  readonly rate: Rate
  since: number
  before: number
}

/** Watches bodies by one timer for all. Those that come with their header section cost an entry in a list. */
export class BodyRates {
  readonly #ticker: Ticker
  readonly #open = new Map<Arrival, Watched>()
  #young: (Arrival | Rate)[] = []
  #stop: (() => void) | null = null

  constructor(ticker: Ticker) {
    this.#ticker = ticker
  }

  /** Bodies that are looked at every now and then. */
  get size(): number {
    return this.#open.size
  }

  watch(arrival: Arrival, rate: Rate): void {
    if (this.#young.length === 0) this.#ticker.soon(() => this.#promote())
    this.#young.push(arrival, rate)
  }

  /** Ends the timer; bodies under way are not watched any more. */
  close(): void {
    this.#young = []
    this.#open.clear()
    this.#stop?.()
    this.#stop = null
  }

  #promote(): void {
    const young = this.#young
    this.#young = []
    const since = this.#ticker.now()
    for (let i = 0; i < young.length; i += 2) {
      const arrival = young[i] as Arrival
      if (arrival.over()) continue
      const before = arrival.counts === 'more' ? arrival.received() : 0
      this.#open.set(arrival, { rate: young[i + 1] as Rate, since, before })
    }
    if (this.#open.size > 0) this.#stop ??= this.#ticker.every(TICK_MS, () => this.#look())
  }

  #look(): void {
    // Nothing was under way since the last look: the next body starts the timer again.
    if (this.#open.size === 0) return this.close()
    const now = this.#ticker.now()
    for (const [arrival, watched] of this.#open) {
      if (arrival.over()) {
        this.#open.delete(arrival)
        continue
      }
      const received = arrival.received()
      if (arrival.held?.() === true) {
        watched.since = now
        watched.before = received
        continue
      }
      const seconds = (now - watched.since) / 1000
      const { bytesPerSecond, grace } = watched.rate
      if (seconds < grace || received - watched.before >= bytesPerSecond * seconds) continue
      this.#open.delete(arrival)
      arrival.cut(received - watched.before)
    }
  }
}
