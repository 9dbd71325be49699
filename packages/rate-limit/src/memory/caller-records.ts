import { fingerprint } from './fingerprint.ts'

/** Records a chunk: memory grows by so many at a time. */
const SHIFT = 12
const CHUNK = 1 << SHIFT
const WITHIN = CHUNK - 1

/** Words of 32 bits in a record, before the numbers of the algorithm. */
const LOW = 0
const HIGH = 1
const NEXT = 2
const OLDER = 3
const NEWER = 4
const TIER = 5
/** Half of the place of `until`, which is a number of 64 bits. */
const UNTIL = 3
const HEAD = 4

/** Buckets of a new index. */
const BUCKETS = 16

/**
 * Records of callers in typed arrays: no object and no string a caller. A record is found by the fingerprint of its
 * caller's name; the index is a linear hash table (Litwin, 1980), which grows by one bucket at a time, so that no
 * request ever waits for a rehash. Each record stands in the list of its tier, the longest untouched first.
 *
 * Two callers with one fingerprint would be one caller to us. Among 1,000,000 that happens with probability 3 in 10⁸
 * (n²/2⁶⁵), and to a given caller with 5 in 10¹⁴; nobody can bring it about, for the fingerprint is keyed.
 */
export class CallerRecords {
  readonly #stride: number
  readonly #key0: number
  readonly #key1: number
  readonly #words: Int32Array[] = []
  readonly #numbers: Float64Array[] = []
  readonly #heads: Int32Array[] = []
  readonly #oldest: Int32Array
  readonly #newest: Int32Array
  readonly #print: Int32Array = new Int32Array(2)
  #buckets = BUCKETS
  #half = BUCKETS
  #made = 1
  #free = 0
  #size = 0

  /**
   * @param width numbers remembered of each caller
   * @param tiers lists that records can stand in
   * @param maxRecords records there will ever be: the first chunk is no larger than that
   * @param key two random words of 32 bits
   */
  constructor(width: number, tiers: number, maxRecords: number, key: readonly [number, number]) {
    this.#stride = HEAD + width
    this.#oldest = new Int32Array(tiers)
    this.#newest = new Int32Array(tiers)
    ;[this.#key0, this.#key1] = key
    // Record 0 stands in no list and is in no bucket: links to it end a list.
    this.#chunk(Math.min(CHUNK, maxRecords + 1))
    this.#heads.push(new Int32Array(CHUNK))
  }

  /** Records in use. */
  get size(): number {
    return this.#size
  }

  /** Records for which there is memory. */
  get made(): number {
    return this.#made
  }

  /** The record of a caller, 0 if there is none. */
  find(name: string): number {
    const print = this.#print
    fingerprint(name, this.#key0, this.#key1, print)
    const low = print[0] as number
    const high = print[1] as number
    const bucket = this.#bucketOf(low)
    let record = (this.#heads[bucket >> SHIFT] as Int32Array)[bucket & WITHIN] as number
    while (record !== 0) {
      const words = this.#words[record >> SHIFT] as Int32Array
      const at = (record & WITHIN) * this.#stride * 2
      if (words[at] === low && words[at + HIGH] === high) return record
      record = words[at + NEXT] as number
    }
    return 0
  }

  /** Makes the record of the caller that `find` last looked for and did not find; its numbers are zero. */
  insert(tier: number): number {
    let record = this.#free
    if (record !== 0) this.#free = this.#word(record, NEXT)
    else {
      record = this.#made++
      if (record >> SHIFT === this.#words.length) this.#chunk(CHUNK)
    }
    if (++this.#size > this.#buckets) this.#split()
    const low = this.#print[0] as number
    const bucket = this.#bucketOf(low)
    const heads = this.#heads[bucket >> SHIFT] as Int32Array
    const words = this.#words[record >> SHIFT] as Int32Array
    const at = (record & WITHIN) * this.#stride * 2
    words[at + LOW] = low
    words[at + HIGH] = this.#print[1] as number
    words[at + NEXT] = heads[bucket & WITHIN] as number
    heads[bucket & WITHIN] = record
    const numbers = this.numbersOf(record)
    const first = (record & WITHIN) * this.#stride + UNTIL
    numbers.fill(0, first, first + this.#stride - UNTIL)
    this.#link(record, tier)
    return record
  }

  remove(record: number): void {
    const bucket = this.#bucketOf(this.#word(record, LOW))
    const heads = this.#heads[bucket >> SHIFT] as Int32Array
    const next = this.#word(record, NEXT)
    if (heads[bucket & WITHIN] === record) heads[bucket & WITHIN] = next
    else {
      let before = heads[bucket & WITHIN] as number
      while (this.#word(before, NEXT) !== record) before = this.#word(before, NEXT)
      this.#write(before, NEXT, next)
    }
    this.#unlink(record)
    this.#write(record, TIER, -1)
    this.#write(record, NEXT, this.#free)
    this.#free = record
    this.#size--
  }

  /** The longest untouched record of a tier, 0 if it is empty. */
  oldest(tier: number): number {
    return this.#oldest[tier] as number
  }

  /** The tier of a record; -1: it is not in use. */
  tier(record: number): number {
    return this.#word(record, TIER)
  }

  /** Puts a record last in the list of a tier. */
  touch(record: number, tier: number): void {
    const words = this.#words[record >> SHIFT] as Int32Array
    const at = (record & WITHIN) * this.#stride * 2
    if (words[at + TIER] === tier && words[at + NEWER] === 0) return
    this.#unlink(record)
    this.#link(record, tier)
  }

  /** When a record may be forgotten, in ms. */
  until(record: number): number {
    return this.numbersOf(record)[(record & WITHIN) * this.#stride + UNTIL] as number
  }

  keepUntil(record: number, until: number): void {
    this.numbersOf(record)[(record & WITHIN) * this.#stride + UNTIL] = until
  }

  /** Where the algorithm's numbers stand … */
  numbersOf(record: number): Float64Array {
    return this.#numbers[record >> SHIFT] as Float64Array
  }

  /** … and from where on. */
  placeOf(record: number): number {
    return (record & WITHIN) * this.#stride + HEAD
  }

  #chunk(records: number): void {
    const buffer = new ArrayBuffer(records * this.#stride * 8)
    this.#words.push(new Int32Array(buffer))
    this.#numbers.push(new Float64Array(buffer))
  }

  #bucketOf(low: number): number {
    const bucket = low & (2 * this.#half - 1)
    return bucket < this.#buckets ? bucket : bucket & (this.#half - 1)
  }

  /** Adds a bucket, and moves there what belongs there: all of it stands in one other bucket. */
  #split(): void {
    const added = this.#buckets++
    const from = added - this.#half
    if (added >> SHIFT === this.#heads.length) this.#heads.push(new Int32Array(CHUNK))
    const heads = this.#heads[from >> SHIFT] as Int32Array
    let record = heads[from & WITHIN] as number
    let stays = 0
    let moves = 0
    while (record !== 0) {
      const next = this.#word(record, NEXT)
      const leaves = (this.#word(record, LOW) & this.#half) !== 0
      this.#write(record, NEXT, leaves ? moves : stays)
      if (leaves) moves = record
      else stays = record
      record = next
    }
    heads[from & WITHIN] = stays
    ;(this.#heads[added >> SHIFT] as Int32Array)[added & WITHIN] = moves
    if (this.#buckets === 2 * this.#half) this.#half *= 2
  }

  #link(record: number, tier: number): void {
    const older = this.#newest[tier] as number
    this.#write(record, TIER, tier)
    this.#write(record, OLDER, older)
    this.#write(record, NEWER, 0)
    if (older === 0) this.#oldest[tier] = record
    else this.#write(older, NEWER, record)
    this.#newest[tier] = record
  }

  #unlink(record: number): void {
    const words = this.#words[record >> SHIFT] as Int32Array
    const at = (record & WITHIN) * this.#stride * 2
    const older = words[at + OLDER] as number
    const newer = words[at + NEWER] as number
    const tier = words[at + TIER] as number
    if (older === 0) this.#oldest[tier] = newer
    else this.#write(older, NEWER, newer)
    if (newer === 0) this.#newest[tier] = older
    else this.#write(newer, OLDER, older)
  }

  #word(record: number, word: number): number {
    return (this.#words[record >> SHIFT] as Int32Array)[(record & WITHIN) * this.#stride * 2 + word] as number
  }

  #write(record: number, word: number, value: number): void {
    ;(this.#words[record >> SHIFT] as Int32Array)[(record & WITHIN) * this.#stride * 2 + word] = value
  }
}
