/** What is remembered of one caller. */
export interface Remembered {
  readonly name: string
  /** Whether forgetting it would change nothing. */
  idle(now: number): boolean
  older: this | null
  newer: this | null
}

/** The one that all share who come when the table is full. */
const REST = ''

/**
 * What is remembered by caller, in bounded memory: each new caller has two old ones looked at, and forgotten if they
 * are idle. When the table is full of busy ones, newcomers share one entry.
 */
export class CallerTable<T extends Remembered> {
  readonly #limit: number
  readonly #make: (name: string) => T
  readonly #entries = new Map<string, T>()
  #oldest: T | null = null
  #newest: T | null = null

  constructor(limit: number, make: (name: string) => T) {
    this.#limit = limit
    this.#make = make
  }

  get size(): number {
    return this.#entries.size
  }

  at(name: string, now: number): T {
    const known = this.#entries.get(name)
    if (known !== undefined) return known
    this.#lookAtOldest(now)
    this.#lookAtOldest(now)
    if (this.#entries.size < this.#limit || name === REST) return this.#add(name)
    return this.at(REST, now)
  }

  #add(name: string): T {
    const entry = this.#make(name)
    this.#entries.set(name, entry)
    this.#append(entry)
    return entry
  }

  #append(entry: T): void {
    entry.older = this.#newest
    entry.newer = null
    if (this.#newest === null) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
  }

  #lookAtOldest(now: number): void {
    const entry = this.#oldest
    if (entry === null) return
    this.#oldest = entry.newer
    if (this.#oldest === null) this.#newest = null
    else this.#oldest.older = null
    if (entry.idle(now)) this.#entries.delete(entry.name)
    else this.#append(entry)
  }
}
