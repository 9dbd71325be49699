import { randomBytes } from 'node:crypto'
import { CallerRecords } from './caller-records.ts'
import { blankStanding, type Algorithm, type Standing } from '../algorithms/standing.ts'

/** Tiers 0 … 3 hold callers by the quarters of the quota that they have spent; 4: refused until something comes back. */
const BLOCKED = 4

/** Records looked at for each newcomer to a full table. */
const SWEPT = 4

/** What fingerprints are keyed with: another one in each process. */
const seed = randomBytes(8)
const KEY = [seed.readInt32LE(0), seed.readInt32LE(4)] as const

const nothing = (): void => undefined

/**
 * What one quota remembers of its callers, in bounded memory, without timers, every operation in constant time.
 *
 * Full, it forgets first what has expired, then who has spent least of his quota, the longest untouched first.
 * It never forgets a caller that is being refused: if nobody else is left, newcomers share one quota until somebody's
 * time is over. A flood of fresh keys therefore frees nobody.
 */
export class MemoryTable {
  readonly #algorithm: Algorithm
  readonly #maxKeys: number
  readonly #onOverflow: () => void
  readonly #records: CallerRecords
  /** What callers not yet seen are judged by. */
  readonly #blank: Float64Array
  /** What newcomers share while everybody known is being refused. */
  readonly #shared: Float64Array
  readonly #standing: Standing = blankStanding()
  #lastKey: string | undefined
  #last = 0
  #hand = 0
  #overflowing = false

  /**
   * @param algorithm the quota's algorithm
   * @param maxKeys callers remembered at most
   * @param onOverflow told once when newcomers begin to share a quota; again only after the table has had room
   * @param key two random words of 32 bits, for fingerprints
   */
  constructor(
    algorithm: Algorithm,
    maxKeys: number,
    onOverflow: () => void = nothing,
    key: readonly [number, number] = KEY,
  ) {
    this.#algorithm = algorithm
    this.#maxKeys = maxKeys
    this.#onOverflow = onOverflow
    this.#records = new CallerRecords(algorithm.width, BLOCKED + 1, maxKeys, key)
    this.#blank = new Float64Array(algorithm.width)
    this.#shared = new Float64Array(algorithm.width)
  }

  /** Callers remembered now. */
  get size(): number {
    return this.#records.size
  }

  /** Fills `out` for a request of `cost` units at `now` (ms); spends nothing. */
  judge(key: string, now: number, cost: number, out: Standing): void {
    const records = this.#records
    const record = this.#find(key)
    if (record !== 0) {
      this.#algorithm.judge(records.numbersOf(record), records.placeOf(record), now, cost, out)
      // Whatever else he could still spend: whoever is refused must not be freed by being forgotten.
      if (!out.allowed && records.tier(record) !== BLOCKED) records.touch(record, BLOCKED)
      return
    }
    if (records.size >= this.#maxKeys) {
      this.#sweep(now)
      if (this.#crowded(now)) {
        this.#algorithm.judge(this.#shared, 0, now, cost, out)
        if (!this.#overflowing) {
          this.#overflowing = true
          this.#onOverflow()
        }
        return
      }
    }
    this.#algorithm.judge(this.#blank, 0, now, cost, out)
  }

  /** Remembers what an allowing `judge` of the same arguments found. */
  commit(key: string, now: number, cost: number, out: Readonly<Standing>): void {
    const records = this.#records
    const tier = tierOf(out.after, cost, out.capacity)
    let record = this.#find(key)
    if (record === 0) {
      this.#forgetExpired(now)
      if (records.size >= this.#maxKeys && !this.#forgetLeast()) {
        this.#algorithm.commit(this.#shared, 0, now, cost, out)
        return
      }
      record = records.insert(tier)
      this.#last = record
      if (records.size <= this.#maxKeys * (7 / 8)) this.#overflowing = false
    } else records.touch(record, tier)
    this.#algorithm.commit(records.numbersOf(record), records.placeOf(record), now, cost, out)
    records.keepUntil(record, out.until)
  }

  /**
   * Gives `cost` units back that were taken at `takenAt`. A caller that has been forgotten gets nothing: what newcomers
   * share is not his.
   */
  refund(key: string, now: number, cost: number, takenAt: number): void {
    const records = this.#records
    const record = this.#find(key)
    if (record === 0) return
    const [numbers, place] = [records.numbersOf(record), records.placeOf(record)]
    this.#algorithm.refund(numbers, place, now, cost, takenAt)
    this.#algorithm.judge(numbers, place, now, 0, this.#standing)
    records.touch(record, tierOf(this.#standing.before, 1, this.#standing.capacity))
  }

  /**
   * Fills `out` as for a request of no cost, and changes nothing.
   * @returns whether the caller is remembered
   */
  peek(key: string, now: number, out: Standing): boolean {
    const records = this.#records
    const record = this.#find(key)
    if (record !== 0) this.#algorithm.judge(records.numbersOf(record), records.placeOf(record), now, 0, out)
    else {
      const full = records.size >= this.#maxKeys && this.#crowded(now)
      this.#algorithm.judge(full ? this.#shared : this.#blank, 0, now, 0, out)
    }
    return record !== 0
  }

  /**
   * Forgets a caller: his quota is whole.
   * @returns whether he was remembered
   */
  forget(key: string): boolean {
    const record = this.#find(key)
    if (record === 0) return false
    this.#remove(record)
    return true
  }

  /** A decision asks for one caller up to three times. */
  #find(key: string): number {
    if (key !== this.#lastKey) {
      this.#last = this.#records.find(key)
      this.#lastKey = key
    }
    return this.#last
  }

  /** Whether a full table holds nobody that may be forgotten. */
  #crowded(now: number): boolean {
    const records = this.#records
    if (records.size < this.#maxKeys) return false
    for (let tier = 0; tier < BLOCKED; tier++) if (records.oldest(tier) !== 0) return false
    return records.until(records.oldest(BLOCKED)) > now
  }

  /** What expires need not be at the head of its list: a hand goes round, a few records for each newcomer. */
  #sweep(now: number): void {
    const records = this.#records
    for (let step = 0; step < SWEPT; step++) {
      this.#hand = this.#hand + 1 < records.made ? this.#hand + 1 : 1
      const record = this.#hand
      if (records.tier(record) >= 0 && records.until(record) <= now) this.#remove(record)
    }
  }

  #forgetExpired(now: number): void {
    const records = this.#records
    for (let tier = 0; tier <= BLOCKED; tier++) {
      const record = records.oldest(tier)
      if (record !== 0 && records.until(record) <= now) this.#remove(record)
    }
  }

  #forgetLeast(): boolean {
    for (let tier = 0; tier < BLOCKED; tier++) {
      const record = this.#records.oldest(tier)
      if (record === 0) continue
      this.#remove(record)
      return true
    }
    return false
  }

  #remove(record: number): void {
    this.#records.remove(record)
    if (record === this.#last) this.#last = 0
  }
}

function tierOf(left: number, cost: number, capacity: number): number {
  if (left < cost) return BLOCKED
  const quarters = Math.floor((BLOCKED * (capacity - left)) / capacity)
  return quarters < BLOCKED ? Math.max(0, quarters) : BLOCKED - 1
}
