import type { Turn } from './turn.ts'

/** One caller with requests in the line, or served in the running round. */
export interface Caller {
  readonly name: string
  /** The round of its last request. */
  last: number
  /** The round in which it was served last. */
  served: number
  waiting: number
  /** Whether it stands among the callers to forget. */
  idle: boolean
}

/**
 * Who waits for one thing. Served in rounds: each round holds at most one request of each caller, so a caller with a
 * thousand requests delays another by one of them (fair queueing: Nagle, RFC 970; Shreedhar and Varghese 1995, with
 * requests of one size). In the order of arrival for each caller. Every operation takes O(1), or O(log rounds).
 */
export class WaitingLine {
  /** Requests that wait. */
  size = 0
  readonly #callers = new Map<string, Caller>()
  readonly #idle: Caller[] = []
  /** The round being served. */
  #round = 0
  /**
   * How many newcomers may still join it: without bound before its first is served, then as many as waited at that
   * moment. Else a round that somebody new joins again and again would never end for those in the next.
   */
  #room = Number.POSITIVE_INFINITY
  // Rounds `#round` to `#round + #heads.length - 1`, each a list, at their number modulo the length: a power of two.
  #heads: (Turn | null)[] = [null, null, null, null]
  #tails: (Turn | null)[] = [null, null, null, null]
  /** How many wait in each round, as a Fenwick tree: what waits before a round is a sum of log n of them. */
  #counts = new Int32Array(5)

  /** How many requests a caller has here. */
  waitingOf(name: string): number {
    return this.#callers.get(name)?.waiting ?? 0
  }

  /** How many rounds from the one being served the next request of a caller would stand. */
  distance(name: string): number {
    return this.#nextRound(this.#callers.get(name)) - this.#round
  }

  /** How many requests would be served before the next one of a caller, if nobody else came. */
  ahead(name: string): number {
    const round = this.#nextRound(this.#callers.get(name))
    if (round - this.#round >= this.#heads.length - 1) return this.size
    const from = this.#slot(this.#round)
    const to = this.#slot(round) + 1
    return to > from ? this.#before(to) - this.#before(from) : this.size - this.#before(from) + this.#before(to)
  }

  push(name: string, turn: Turn): void {
    let caller = this.#callers.get(name)
    const round = this.#nextRound(caller)
    if (caller === undefined) {
      caller = { name, last: round, served: -1, waiting: 0, idle: false }
      this.#callers.set(name, caller)
    }
    while (round - this.#round >= this.#heads.length) this.#grow()
    if (round === this.#round) this.#room--
    caller.last = round
    caller.waiting++
    turn.caller = caller
    this.#append(round, turn)
    this.size++
  }

  /** Takes the next one out; null if nobody waits. */
  shift(): Turn | null {
    if (this.size === 0) return null
    const from = this.#round
    while (this.#heads[this.#slot(this.#round)] === null) this.#round++
    if (this.#round > from) {
      this.#forget()
      this.#room = Number.POSITIVE_INFINITY
    }
    if (this.#room === Number.POSITIVE_INFINITY) this.#room = this.size
    const turn = this.#heads[this.#slot(this.#round)] as Turn
    const caller = turn.caller as Caller
    caller.served = this.#round
    this.#unlink(turn)
    if (caller.waiting === 0) this.#rest(caller)
    return turn
  }

  /** Takes one out that leaves. What it leaves empty behind a later request of the same caller stays so. */
  remove(turn: Turn): void {
    const { caller, round } = turn
    if (caller === null) return
    this.#unlink(turn)
    if (caller.waiting === 0) {
      // Who was served in this round stands in it no more, whatever it asked for and gave up.
      caller.last = caller.served
      if (caller.served < this.#round) this.#callers.delete(caller.name)
      else this.#rest(caller)
    } else if (caller.last === round) caller.last--
  }

  #nextRound(caller: Caller | undefined): number {
    const first = this.#room > 0 ? this.#round : this.#round + 1
    return caller === undefined ? first : Math.max(first, caller.last + 1)
  }

  #rest(caller: Caller): void {
    if (caller.idle) return
    caller.idle = true
    this.#idle.push(caller)
  }

  /** A round has ended: whoever has nothing waiting begins anew. */
  #forget(): void {
    for (const caller of this.#idle) {
      caller.idle = false
      if (caller.waiting === 0) this.#callers.delete(caller.name)
    }
    this.#idle.length = 0
  }

  #slot(round: number): number {
    return round & (this.#heads.length - 1)
  }

  #append(round: number, turn: Turn): void {
    const slot = this.#slot(round)
    const tail = this.#tails[slot] as Turn | null
    turn.round = round
    turn.inRound.before = tail
    turn.inRound.after = null
    if (tail === null) this.#heads[slot] = turn
    else tail.inRound.after = turn
    this.#tails[slot] = turn
    this.#count(slot, 1)
  }

  #unlink(turn: Turn): void {
    const slot = this.#slot(turn.round)
    const { before, after } = turn.inRound
    if (before === null) this.#heads[slot] = after
    else before.inRound.after = after
    if (after === null) this.#tails[slot] = before
    else after.inRound.before = before
    turn.inRound.before = turn.inRound.after = null
    ;(turn.caller as Caller).waiting--
    turn.caller = null
    this.#count(slot, -1)
    this.size--
  }

  /** Twice as many rounds. */
  #grow(): void {
    const { length } = this.#heads
    const heads = this.#heads
    this.#heads = Array.from({ length: length * 2 }, () => null)
    this.#tails = Array.from({ length: length * 2 }, () => null)
    this.#counts = new Int32Array(length * 2 + 1)
    for (let offset = 0; offset < length; offset++) {
      const round = this.#round + offset
      let turn = heads[round & (length - 1)] ?? null
      while (turn !== null) {
        const { after } = turn.inRound as { after: Turn | null }
        this.#append(round, turn)
        turn = after
      }
    }
  }

  #count(slot: number, change: number): void {
    for (let i = slot + 1; i < this.#counts.length; i += i & -i) (this.#counts[i] as number) += change
  }

  /** How many wait in the slots below one. */
  #before(slot: number): number {
    let sum = 0
    for (let i = slot; i > 0; i -= i & -i) sum += this.#counts[i] as number
    return sum
  }
}
