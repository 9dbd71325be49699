/** Counts answers by their status, as numbers: labels cost more than the counting, and are written when somebody asks. */
export class Tally<Of> {
  readonly #counts = new Map<Of, Map<number, number>>()

  add(of: Of, status: number): void {
    const counts = this.#counts.get(of) ?? new Map<number, number>()
    if (counts.size === 0) this.#counts.set(of, counts)
    counts.set(status, (counts.get(status) ?? 0) + 1)
  }

  /** Tells what was counted since it was last told. */
  pour(into: (of: Of, status: string, count: number) => void): void {
    for (const [of, counts] of this.#counts) for (const [status, count] of counts) into(of, String(status), count)
    this.#counts.clear()
  }
}
