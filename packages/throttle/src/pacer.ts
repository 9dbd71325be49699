import { Alarm, type Timers } from './alarm.ts'
import { CallerTable, type Remembered } from './caller-table.ts'
import { Deadlines } from './deadlines.ts'
import { CALLERS, type QueueLimits, type TooLate } from './queue.ts'
import { Schedule, type Timed } from './schedule.ts'
import { Turn, type Ending, type Giver } from './turn.ts'
import { WaitingLine } from './waiting-line.ts'

/** What a pace is made of. */
export interface Pace {
  /** Requests a window. */
  readonly limit: number
  /** Seconds. */
  readonly window: number
  /** Requests that may go at once after a rest. */
  readonly burst: number
}

/** One rate: of one caller, or of all. */
class Lane implements Remembered, Timed {
  readonly name: string
  older: this | null = null
  newer: this | null = null
  /** When the rate would be whole again, in ms: the theoretical arrival time of GCRA (ITU-T I.371). */
  arrival = 0
  /** Present while somebody waits. */
  line: WaitingLine | null = null
  due = 0
  readonly order = 0
  index = -1

  constructor(name: string) {
    this.name = name
  }

  idle(now: number): boolean {
    return this.line === null && this.arrival <= now
  }
}

/**
 * Lets requests go at a pace: a burst at once, the others one by one as the rate allows, never sooner. Each rate has a
 * line of its own, fair between the callers in it. One timer for all.
 */
export class Pacer implements Giver {
  readonly #interval: number
  readonly #tolerance: number
  readonly #queue: QueueLimits
  readonly #timers: Timers
  readonly #alarm: Alarm
  readonly #lanes: CallerTable<Lane>
  readonly #schedule = new Schedule<Lane>()
  readonly #deadlines: Deadlines
  #waiting = 0

  constructor(pace: Pace, queue: QueueLimits, timers: Timers, callers: number = CALLERS) {
    this.#interval = (pace.window * 1000) / pace.limit
    this.#tolerance = this.#interval * (pace.burst - 1)
    this.#queue = queue
    this.#timers = timers
    this.#alarm = new Alarm(timers, () => this.#ring())
    this.#lanes = new CallerTable(callers, (name) => new Lane(name))
    this.#deadlines = new Deadlines(queue.waitMs)
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** Rates remembered. */
  get lanes(): number {
    return this.#lanes.size
  }

  /**
   * Asks for one request to go.
   * @param rate whose rate it is
   * @param caller in whose name it waits
   * @returns null: it goes. A turn: it waits. A number: it would wait too long, and might be taken in so many ms.
   */
  enter(rate: string, caller: string): null | Turn | TooLate {
    const now = this.#timers.now()
    const lane = this.#lanes.at(rate, now)
    const wait = lane.arrival - this.#tolerance - now
    if (lane.line === null) {
      if (wait <= 0) {
        lane.arrival = Math.max(lane.arrival, now) + this.#interval
        return null
      }
      return this.#refused(wait, wait, 0, 0) ?? this.#wait(lane, caller, wait, now)
    }
    const { line } = lane
    const expected = Math.max(0, wait + line.ahead(caller) * this.#interval)
    return (
      this.#refused(wait, expected, line.waitingOf(caller), line.distance(caller)) ??
      this.#wait(lane, caller, expected, now)
    )
  }

  leave(turn: Turn): void {
    if (turn.state !== 'waiting') return
    const lane = turn.group as Lane
    ;(lane.line as WaitingLine).remove(turn)
    this.#over(lane, turn)
    this.#set()
  }

  /** Ends all waiting. */
  close(): void {
    for (let turn = this.#deadlines.first; turn !== null; turn = this.#deadlines.first) this.#end(turn, 'closing')
    this.#alarm.stop()
  }

  #refused(next: number, expected: number, ofCaller: number, distance: number): TooLate | null {
    const { length, perCaller, waitMs } = this.#queue
    let late = expected > waitMs ? expected - waitMs : 0
    if (this.#waiting >= length) late = Math.max(late, this.#schedule.next - this.#timers.now(), 1)
    if (ofCaller >= perCaller || distance > perCaller) late = Math.max(late, next, 1)
    return late > 0 ? late : null
  }

  #wait(lane: Lane, caller: string, expected: number, now: number): Turn {
    const turn = new Turn(this, lane)
    turn.expectedMs = expected
    turn.since = now
    if (lane.line === null) {
      lane.line = new WaitingLine()
      lane.due = lane.arrival - this.#tolerance
      this.#schedule.add(lane)
    }
    lane.line.push(caller, turn)
    this.#deadlines.add(turn, now)
    this.#waiting++
    this.#set()
    return turn
  }

  #ring(): void {
    const now = this.#timers.now()
    while (this.#schedule.next <= now) this.#release(this.#schedule.first as Lane, now)
    // Whoever goes at its deadline goes.
    while (this.#deadlines.next <= now) this.#end(this.#deadlines.first as Turn, 'late')
    this.#set()
  }

  #release(lane: Lane, now: number): void {
    const turn = (lane.line as WaitingLine).shift() as Turn
    lane.arrival = Math.max(lane.arrival, now) + this.#interval
    lane.due = lane.arrival - this.#tolerance
    this.#schedule.later(lane)
    this.#over(lane, turn)
    turn.settle('go')
  }

  #end(turn: Turn, ending: Ending): void {
    const lane = turn.group as Lane
    ;(lane.line as WaitingLine).remove(turn)
    this.#over(lane, turn)
    turn.settle(ending)
  }

  #over(lane: Lane, turn: Turn): void {
    turn.state = 'over'
    this.#deadlines.remove(turn)
    this.#waiting--
    if ((lane.line as WaitingLine).size > 0) return
    lane.line = null
    this.#schedule.remove(lane)
  }

  #set(): void {
    this.#alarm.ringAt(Math.min(this.#schedule.next, this.#deadlines.next))
  }
}
