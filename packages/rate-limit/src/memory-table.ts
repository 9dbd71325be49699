import type { Algorithm, Standing } from './standing.ts'

interface Cell {
  readonly key: string
  level: number
  until: number
  /** 0 … 3: quarters of the quota spent; 4: refused until something comes back. */
  tier: number
  older: Cell | null
  newer: Cell | null
}

const BLOCKED = 4

/**
 * What one quota remembers of its callers, in bounded memory, without timers, every operation in constant time.
 *
 * Full, it forgets first what has expired, then who has spent least of his quota, the longest untouched first.
 * It never forgets a caller that is being refused: if nobody else is left, newcomers share one cell until somebody's
 * time is over. A flood of fresh keys therefore frees nobody.
 */
export class MemoryTable {
  readonly #cells = new Map<string, Cell>()
  readonly #oldest: (Cell | null)[] = [null, null, null, null, null]
  readonly #newest: (Cell | null)[] = [null, null, null, null, null]
  readonly #shared: Cell = { key: '', level: 0, until: 0, tier: 0, older: null, newer: null }
  readonly #judge: Algorithm
  readonly #capacity: number
  readonly #maxKeys: number

  /**
   * @param judge the quota's algorithm
   * @param capacity the most that can be spent at once
   * @param maxKeys callers remembered at most
   */
  constructor(judge: Algorithm, capacity: number, maxKeys: number) {
    this.#judge = judge
    this.#capacity = capacity
    this.#maxKeys = maxKeys
  }

  /** Callers remembered now. */
  get size(): number {
    return this.#cells.size
  }

  /** Fills `out` for a request of `cost` units at `now` (ms); remembers nothing. */
  judge(key: string, now: number, cost: number, out: Standing): void {
    const cell = this.#cells.get(key) ?? (this.#full(now) ? this.#shared : undefined)
    if (cell === undefined) this.#judge(0, 0, now, cost, out)
    else this.#judge(cell.level, cell.until, now, cost, out)
  }

  /** Remembers what an allowing `judge` of the same tick found. */
  commit(key: string, now: number, { level, until, after }: Standing, cost: number): void {
    let cell = this.#cells.get(key)
    if (cell === undefined) {
      this.#forgetExpired(now)
      if (this.#cells.size >= this.#maxKeys && !this.#forgetLeast()) {
        this.#shared.level = level
        this.#shared.until = until
        return
      }
      cell = { key, level, until, tier: -1, older: null, newer: null }
      this.#cells.set(key, cell)
    }
    cell.level = level
    cell.until = until
    const tier = after < cost ? BLOCKED : Math.floor((BLOCKED * (this.#capacity - after)) / this.#capacity)
    if (cell.tier === tier && cell.newer === null) return
    if (cell.tier >= 0) this.#unlink(cell)
    cell.tier = tier
    cell.older = this.#newest[tier] ?? null
    cell.newer = null
    if (cell.older === null) this.#oldest[tier] = cell
    else cell.older.newer = cell
    this.#newest[tier] = cell
  }

  #full(now: number): boolean {
    if (this.#cells.size < this.#maxKeys) return false
    for (let tier = 0; tier < BLOCKED; tier++) if (this.#oldest[tier] !== null) return false
    return (this.#oldest[BLOCKED]?.until ?? 0) > now
  }

  #forgetExpired(now: number): void {
    for (let tier = 0; tier <= BLOCKED; tier++) {
      const cell = this.#oldest[tier]
      if (cell && cell.until <= now) this.#forget(cell)
    }
  }

  #forgetLeast(): boolean {
    for (let tier = 0; tier < BLOCKED; tier++) {
      const cell = this.#oldest[tier]
      if (cell) {
        this.#forget(cell)
        return true
      }
    }
    return false
  }

  #forget(cell: Cell): void {
    this.#unlink(cell)
    this.#cells.delete(cell.key)
  }

  #unlink(cell: Cell): void {
    if (cell.older === null) this.#oldest[cell.tier] = cell.newer
    else cell.older.newer = cell.newer
    if (cell.newer === null) this.#newest[cell.tier] = cell.older
    else cell.newer.older = cell.older
  }
}
