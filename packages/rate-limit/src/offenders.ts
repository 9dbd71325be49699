/** Somebody who is refused often. */
export interface Offender {
  /** Whoever it is, as the policy counts. */
  readonly subject: string
  /** Refusals counted, at most `error` too many and never too few. */
  readonly refusals: number
  /** How much of `refusals` may belong to others whose place he took. */
  readonly error: number
}

/**
 * The most refused, in fixed memory: the Space-Saving sketch (Metwally, Agrawal, El Abbadi, 2005, "Efficient computation
 * of frequent and top-k elements in data streams"). With m places and n refusals in all: no count is too low, none is more than n/m
 * too high, and whoever has more than n/m refusals is in it. O(log m) a refusal.
 */
export class Offenders {
  readonly #places: number
  /** A heap: the least refused first. */
  readonly #heap: Entry[] = []
  readonly #entries = new Map<string, Entry>()
  #total = 0

  /** @param places remembered at most */
  constructor(places: number) {
    this.#places = places
  }

  /** Refusals counted in all. */
  get total(): number {
    return this.#total
  }

  /** Counts one refusal. */
  add(subject: string): void {
    this.#total++
    let entry = this.#entries.get(subject)
    if (entry === undefined) {
      if (this.#heap.length < this.#places) {
        entry = { subject, refusals: 0, error: 0, place: this.#heap.length }
        this.#heap.push(entry)
      } else {
        entry = this.#heap[0] as Entry
        this.#entries.delete(entry.subject)
        entry.subject = subject
        entry.error = entry.refusals
      }
      this.#entries.set(subject, entry)
    }
    entry.refusals++
    // A new one comes to the end with one refusal, less than nobody's: up. Everybody else has grown: down.
    if (entry.refusals === 1) this.#up(entry)
    else this.#down(entry)
  }

  /** Forgets somebody. */
  forget(subject: string): void {
    const entry = this.#entries.get(subject)
    if (entry === undefined) return
    this.#entries.delete(subject)
    const last = this.#heap.pop() as Entry
    if (last === entry) return
    last.place = entry.place
    this.#heap[last.place] = last
    this.#up(last)
    this.#down(last)
  }

  /** The most refused, most first. */
  top(count: number): Offender[] {
    return this.#heap
      .map(({ subject, refusals, error }) => ({ subject, refusals, error }))
      .toSorted((one, other) => other.refusals - one.refusals)
      .slice(0, count)
  }

  #up(entry: Entry): void {
    while (entry.place > 0) {
      const parent = this.#heap[(entry.place - 1) >> 1] as Entry
      if (parent.refusals <= entry.refusals) return
      this.#swap(parent, entry)
    }
  }

  #down(entry: Entry): void {
    for (;;) {
      const left = this.#heap[2 * entry.place + 1]
      const right = this.#heap[2 * entry.place + 2]
      if (left === undefined) return
      const child = right !== undefined && right.refusals < left.refusals ? right : left
      if (child.refusals >= entry.refusals) return
      this.#swap(entry, child)
    }
  }

  #swap(upper: Entry, lower: Entry): void {
    const { place } = upper
    this.#heap[(upper.place = lower.place)] = upper
    this.#heap[(lower.place = place)] = lower
  }
}

interface Entry {
  subject: string
  refusals: number
  error: number
  place: number
}
