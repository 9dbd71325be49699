import type { Algorithm, Standing } from './standing.ts'

interface Cell {
  readonly key: string
  readonly state: Float64Array
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
  readonly #shared: Cell
  readonly #blank: Float64Array
  readonly #algorithm: Algorithm
  readonly #maxKeys: number

  /**
   * @param algorithm the quota's
   * @param maxKeys callers remembered at most
   */
  constructor(algorithm: Algorithm, maxKeys: number) {
    this.#algorithm = algorithm
    this.#maxKeys = maxKeys
    this.#blank = new Float64Array(algorithm.width)
    this.#shared = this.#cell('')
  }

  #cell(key: string): Cell {
    return { key, state: new Float64Array(this.#algorithm.width), until: 0, tier: -1, older: null, newer: null }
  }

  /** Callers remembered now. */
  get size(): number {
    return this.#cells.size
  }

  /** Fills `out` for a request of `cost` units at `now` (ms); remembers nothing. */
  judge(key: string, now: number, cost: number, out: Standing): void {
    const cell = this.#cells.get(key) ?? (this.#full(now) ? this.#shared : undefined)
    this.#algorithm.judge(cell?.state ?? this.#blank, 0, now, cost, out)
  }

  /** Remembers what an allowing `judge` of the same arguments found. */
  commit(key: string, now: number, cost: number, out: Readonly<Standing>): void {
    let cell = this.#cells.get(key)
    if (cell === undefined) {
      this.#forgetExpired(now)
      if (this.#cells.size >= this.#maxKeys && !this.#forgetLeast()) {
        this.#algorithm.commit(this.#shared.state, 0, now, cost, out)
        this.#shared.until = out.until
        return
      }
      cell = this.#cell(key)
      this.#cells.set(key, cell)
    }
    this.#algorithm.commit(cell.state, 0, now, cost, out)
    cell.until = out.until
    const { after, capacity } = out
    const tier = after < cost ? BLOCKED : Math.floor((BLOCKED * (capacity - after)) / capacity)
    if (cell.tier === tier && cell.newer === null) return
    if (cell.tier >= 0) this.#unlink(cell)
    cell.tier = tier
    cell.older = this.#newest[tier] ?? null
    cell.newer = null
    if (cell.older === null) this.#oldest[tier] = cell
    else cell.older.newer = cell
    this.#newest[tier] = cell
  }

  /** Gives `cost` units back that were taken at `takenAt` (ms). */
  refund(key: string, now: number, cost: number, takenAt: number): void {
    const cell = this.#cells.get(key)
    if (cell !== undefined) this.#algorithm.refund(cell.state, 0, now, cost, takenAt)
  }

  /** Fills `out` as for a request of no cost. */
  peek(key: string, now: number, out: Standing): void {
    this.judge(key, now, 0, out)
  }

  /** Forgets a caller: its quota is whole. */
  forget(key: string): void {
    const cell = this.#cells.get(key)
    if (cell !== undefined) this.#forget(cell)
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
