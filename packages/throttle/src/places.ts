import { Alarm, type Timers } from './alarm.ts'
import { CallerTable, type Remembered } from './caller-table.ts'
import { Deadlines } from './deadlines.ts'
import type { QueueLimits, TooLate } from './queue.ts'
import { Turn, type Ending, type Giver } from './turn.ts'
import { WaitingLine } from './waiting-line.ts'

/** Places of one caller, or of all. */
class Room implements Remembered {
  readonly name: string
  older: this | null = null
  newer: this | null = null
  held = 0
  line: WaitingLine | null = null
  /** Mean time that a place is held, in ms. */
  mean = 0
  #ended = 0

  constructor(name: string) {
    this.name = name
  }

  /** Forgotten when nobody holds or waits for a place, and others come. */
  idle(): boolean {
    return this.held === 0 && this.line === null
  }

  /** A place was held so long. */
  ended(ms: number): void {
    this.#ended = Math.min(this.#ended + 1, MEMORY)
    this.mean += (ms - this.mean) / this.#ended
  }
}

/** What a hold counts for in the mean: one of so many, or of those that there were. */
const MEMORY = 16

/**
 * Lets so many requests be under way at once. A place is given back when its request is over, and goes to whoever waits,
 * fairly between callers. How long one will wait is estimated by how long places were held.
 */
export class Places implements Giver {
  readonly #limit: number
  readonly #queue: QueueLimits
  readonly #timers: Timers
  readonly #alarm: Alarm
  // As many as requests are under way: none shares another's places.
  readonly #rooms = new CallerTable(Number.POSITIVE_INFINITY, (name) => new Room(name))
  readonly #deadlines: Deadlines
  readonly #holds: Deadlines | null
  #waiting = 0
  #holding = 0

  /** @param maxHoldMs after so long a place is taken back, though its request is not over */
  constructor(limit: number, maxHoldMs: number | null, queue: QueueLimits, timers: Timers) {
    this.#limit = limit
    this.#queue = queue
    this.#timers = timers
    this.#alarm = new Alarm(timers, () => this.#ring())
    this.#deadlines = new Deadlines(queue.waitMs)
    this.#holds = maxHoldMs === null ? null : new Deadlines(maxHoldMs)
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** Places held. */
  get holding(): number {
    return this.#holding
  }

  /**
   * Asks for a place.
   * @param share whose places these are
   * @param caller in whose name it waits
   * @returns a turn that holds a place, or waits for one; a number: it would wait too long, and might be taken in so many ms.
   */
  enter(share: string, caller: string): Turn | TooLate {
    const now = this.#timers.now()
    const room = this.#rooms.at(share, now)
    if (room.held < this.#limit && room.line === null) {
      const turn = new Turn(this, room)
      this.#take(room, turn, now)
      return turn
    }
    const { length, perCaller, waitMs } = this.#queue
    const each = room.mean / this.#limit
    const expected = ((room.line?.ahead(caller) ?? 0) + 1) * each
    if (expected > waitMs) return expected - waitMs
    if (this.#waiting >= length) return Math.max(1, each)
    const { line } = room
    if (line !== null && (line.waitingOf(caller) >= perCaller || line.distance(caller) > perCaller)) {
      return Math.max(1, each)
    }
    const turn = new Turn(this, room)
    turn.expectedMs = expected
    room.line ??= new WaitingLine()
    room.line.push(caller, turn)
    this.#deadlines.add(turn, now)
    this.#waiting++
    this.#set()
    return turn
  }

  leave(turn: Turn): void {
    if (turn.state === 'holding') this.#giveBack(turn)
    else if (turn.state === 'waiting') this.#stopWaiting(turn)
    else return
    this.#set()
  }

  /** Ends all waiting; places stay held until their requests are over. */
  close(): void {
    for (let turn = this.#deadlines.first; turn !== null; turn = this.#deadlines.first) this.#end(turn, 'closing')
    this.#set()
  }

  #take(room: Room, turn: Turn, now: number): void {
    turn.state = 'holding'
    turn.since = now
    room.held++
    this.#holding++
    if (this.#holds === null) return
    this.#holds.add(turn, now)
    this.#set()
  }

  #giveBack(turn: Turn): void {
    const room = turn.group as Room
    const now = this.#timers.now()
    turn.state = 'over'
    this.#holds?.remove(turn)
    room.held--
    this.#holding--
    room.ended(now - turn.since)
    const next = room.line?.shift() ?? null
    if (next === null) return
    this.#deadlines.remove(next)
    this.#waiting--
    if ((room.line as WaitingLine).size === 0) room.line = null
    this.#take(room, next, now)
    next.settle('go')
  }

  #stopWaiting(turn: Turn): void {
    const room = turn.group as Room
    const line = room.line as WaitingLine
    line.remove(turn)
    turn.state = 'over'
    this.#deadlines.remove(turn)
    this.#waiting--
    if (line.size === 0) room.line = null
  }

  #end(turn: Turn, ending: Ending): void {
    this.#stopWaiting(turn)
    turn.settle(ending)
  }

  #ring(): void {
    const now = this.#timers.now()
    while (this.#holds !== null && this.#holds.next <= now) this.#giveBack(this.#holds.first as Turn)
    while (this.#deadlines.next <= now) this.#end(this.#deadlines.first as Turn, 'late')
    this.#set()
  }

  #set(): void {
    this.#alarm.ringAt(Math.min(this.#deadlines.next, this.#holds?.next ?? Number.POSITIVE_INFINITY))
  }
}
