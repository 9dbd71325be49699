/** What a schedule holds. */
export interface Timed {
  /** When it is due, in ms. */
  due: number
  /** Which of two goes first that are due at the same time. */
  readonly order: number
  /** Where it stands; -1 outside a schedule. */
  index: number
}

function before(one: Timed, other: Timed): boolean {
  return one.due < other.due || (one.due === other.due && one.order < other.order)
}

/** What is due next, of many: a binary heap. */
export class Schedule<T extends Timed> {
  readonly #heap: T[] = []

  get first(): T | undefined {
    return this.#heap[0]
  }

  get size(): number {
    return this.#heap.length
  }

  /** When the first is due; Infinity if nothing is. */
  get next(): number {
    return this.#heap[0]?.due ?? Number.POSITIVE_INFINITY
  }

  add(item: T): void {
    this.#rise(item, this.#heap.push(item) - 1)
  }

  /** Puts one right whose `due` has grown. */
  later(item: T): void {
    this.#sink(item, item.index)
  }

  remove(item: T): void {
    const { index } = item
    if (index < 0) return
    item.index = -1
    const last = this.#heap.pop() as T
    if (last === item) return
    this.#rise(last, index)
    this.#sink(last, last.index)
  }

  #rise(item: T, from: number): void {
    let index = from
    while (index > 0) {
      const above = this.#heap[(index - 1) >> 1] as T
      if (!before(item, above)) break
      this.#put(above, index)
      index = (index - 1) >> 1
    }
    this.#put(item, index)
  }

  #sink(item: T, from: number): void {
    let index = from
    for (;;) {
      const left = index * 2 + 1
      let below = this.#heap[left]
      if (below === undefined) break
      const right = this.#heap[left + 1]
      if (right !== undefined && before(right, below)) below = right
      if (!before(below, item)) break
      const at = below.index
      this.#put(below, index)
      index = at
    }
    this.#put(item, index)
  }

  #put(item: T, index: number): void {
    this.#heap[index] = item
    item.index = index
  }
}
