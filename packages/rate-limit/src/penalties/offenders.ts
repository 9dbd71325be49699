import { randomBytes } from 'node:crypto'
import { fingerprint } from '../memory/fingerprint.ts'

/** Counters of those without a place. */
const CELLS = 1024

const seed = randomBytes(8)
const KEY = [seed.readInt32LE(0), seed.readInt32LE(4)] as const

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
 * of frequent and top-k elements in data streams"), filtered (Homem and Carvalho, 2010, "Finding top-k elements in data
 * streams"): whoever has no place is counted in a cell that he may share, and takes the least one's place once the cell
 * has reached it. With m places and n refusals in all: no count is too low, none is more than n/m too high, and whoever
 * has more than n/m refusals is in it. O(log m) a refusal at
 * most; in a flood of many different ones most refusals only count in a cell.
 */
export class Offenders {
  readonly #places: number
  /** A heap: the least refused first. */
  readonly #heap: Entry[] = []
  readonly #entries = new Map<string, Entry>()
  /** What those without a place were refused, together in each cell. Never above the least count that has a place. */
  readonly #outside = new Float64Array(CELLS)
  readonly #print = new Int32Array(2)
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
    const known = this.#entries.get(subject)
    if (known !== undefined) {
      known.refusals++
      this.#down(known)
      return
    }
    const cell = this.#cellOf(subject)
    const error = this.#outside[cell] as number
    if (this.#heap.length < this.#places) {
      const entry = { subject, refusals: error + 1, error, place: this.#heap.length }
      this.#heap.push(entry)
      this.#entries.set(subject, entry)
      this.#up(entry)
      return
    }
    const least = this.#heap[0] as Entry
    if (error + 1 < least.refusals) {
      this.#outside[cell] = error + 1
      return
    }
    this.#entries.delete(least.subject)
    this.#outside[this.#cellOf(least.subject)] = least.refusals
    least.subject = subject
    least.refusals = error + 1
    least.error = error
    this.#entries.set(subject, least)
    this.#down(least)
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

  #cellOf(subject: string): number {
    fingerprint(subject, KEY[0], KEY[1], this.#print)
    return (this.#print[0] as number) & (CELLS - 1)
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
