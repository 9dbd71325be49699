import { Alarm, type Timers } from './alarm.ts'
import { CallerTable, type Remembered } from './caller-table.ts'
import { CALLERS, type QueueLimits, type TooLate } from './queue.ts'
import { Schedule } from './schedule.ts'
import { Turn, type Giver } from './turn.ts'

/** How waiting grows. */
export interface Growth {
  /** Requests a window that wait for nothing. */
  readonly limit: number
  /** Seconds. */
  readonly window: number
  /** Milliseconds that each request above the limit waits more than the one before. */
  readonly stepMs: number
  /** Milliseconds that no request waits longer than. */
  readonly maxMs: number
}

class Level implements Remembered {
  readonly name: string
  older: this | null = null
  newer: this | null = null
  /** When all that it has asked will have drained, in ms. */
  drained = 0
  /** When the last of its requests goes, in ms: the next goes no sooner. */
  last = 0
  waiting = 0

  constructor(name: string) {
    this.name = name
  }

  idle(now: number): boolean {
    return this.waiting === 0 && this.drained <= now
  }
}

/**
 * Makes a caller wait the longer the more it asks. A caller's requests fill a level that drains evenly, `limit` a
 * window; each request above `limit` waits `stepMs` for every request that the level is too high. One timer for all.
 */
export class SlowDown implements Giver {
  readonly #interval: number
  readonly #growth: Growth
  readonly #queue: QueueLimits
  readonly #timers: Timers
  readonly #alarm: Alarm
  readonly #levels: CallerTable<Level>
  readonly #schedule = new Schedule<Turn>()
  #asked = 0

  constructor(growth: Growth, queue: QueueLimits, timers: Timers, callers: number = CALLERS) {
    this.#interval = (growth.window * 1000) / growth.limit
    this.#growth = growth
    this.#queue = queue
    this.#timers = timers
    this.#alarm = new Alarm(timers, () => this.#ring())
    this.#levels = new CallerTable(callers, (name) => new Level(name))
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#schedule.size
  }

  /** @returns null: it goes. A turn: it waits. A number: too many wait, and it might be taken in so many ms. */
  enter(name: string): null | Turn | TooLate {
    const now = this.#timers.now()
    const { limit, stepMs, maxMs } = this.#growth
    const level = this.#levels.at(name, now)
    const drained = Math.max(level.drained, now) + this.#interval
    const above = (drained - now) / this.#interval - limit
    const wait = Math.max(Math.min(above * stepMs, maxMs), level.waiting > 0 ? level.last - now : 0)
    // What rounding leaves of a drained level is no excess.
    if (above < 1e-6 && level.waiting === 0) {
      level.drained = drained
      return null
    }
    if (this.waiting >= this.#queue.length) return Math.max(1, this.#schedule.next - now)
    if (level.waiting >= this.#queue.perCaller) return Math.max(1, level.last - now)
    // Above what waits longest the level does not rise: who stops is forgiven as soon.
    level.drained = Math.min(drained, now + (limit + maxMs / stepMs) * this.#interval)
    level.waiting++
    level.last = now + wait
    const turn = new Turn(this, level)
    turn.expectedMs = wait
    turn.due = level.last
    turn.order = this.#asked++
    this.#schedule.add(turn)
    this.#alarm.ringAt(this.#schedule.next)
    return turn
  }

  leave(turn: Turn): void {
    if (turn.state !== 'waiting') return
    this.#over(turn)
    this.#alarm.ringAt(this.#schedule.next)
  }

  /** Ends all waiting. */
  close(): void {
    for (let turn = this.#schedule.first; turn !== undefined; turn = this.#schedule.first) {
      this.#over(turn)
      turn.settle('closing')
    }
    this.#alarm.stop()
  }

  #ring(): void {
    const now = this.#timers.now()
    for (let turn = this.#schedule.first; turn !== undefined && turn.due <= now; turn = this.#schedule.first) {
      this.#over(turn)
      turn.settle('go')
    }
    this.#alarm.ringAt(this.#schedule.next)
  }

  #over(turn: Turn): void {
    turn.state = 'over'
    ;(turn.group as Level).waiting--
    this.#schedule.remove(turn)
  }
}
