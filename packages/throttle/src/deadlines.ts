import type { Turn } from './turn.ts'

/** Turns by their deadlines, all of one length: the first to come is the first to end. Every operation takes O(1). */
export class Deadlines {
  readonly #ms: number
  #first: Turn | null = null
  #last: Turn | null = null

  /** @param ms how long each may take */
  constructor(ms: number) {
    this.#ms = ms
  }

  /** When the next one ends; Infinity if there is none. */
  get next(): number {
    return this.#first?.deadline ?? Number.POSITIVE_INFINITY
  }

  get first(): Turn | null {
    return this.#first
  }

  add(turn: Turn, now: number): void {
    turn.deadline = now + this.#ms
    turn.inDeadlines.before = this.#last
    if (this.#last === null) this.#first = turn
    else this.#last.inDeadlines.after = turn
    this.#last = turn
  }

  remove(turn: Turn): void {
    const { before, after } = turn.inDeadlines
    if (before === null && this.#first !== turn) return
    if (before === null) this.#first = after
    else before.inDeadlines.after = after
    if (after === null) this.#last = before
    else after.inDeadlines.before = before
    turn.inDeadlines.before = turn.inDeadlines.after = null
  }
}
