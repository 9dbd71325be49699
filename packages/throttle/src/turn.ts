import type { Caller } from './waiting-line.ts'

/** How waiting ends: its turn has come, it has waited as long as it may, the app closes, or its client has gone. */
export type Ending = 'go' | 'late' | 'closing' | 'gone'

/** Whoever gives turns. */
export interface Giver {
  /** Takes a turn out of the queue, or takes the place back that it holds; a turn that is over is left alone. */
  leave(turn: Turn): void
}

/** Links of a list that a turn stands in. */
export interface Links {
  before: Turn | null
  after: Turn | null
}

/** One request's turn. It stands in its lists itself, so that a client that leaves is taken out at once. */
export class Turn {
  readonly giver: Giver
  /** Whose rate or places it asks for. */
  readonly group: unknown
  /** `waiting` in a queue, `holding` a place, or `over`. */
  state: 'waiting' | 'holding' | 'over' = 'waiting'
  /** Milliseconds that it was told to expect. */
  expectedMs = 0
  /** When a place was taken, in ms. */
  since = 0
  /** Called once when waiting ends. */
  settle: (ending: Ending) => void = () => {}

  /** Another turn of the same request. */
  beside: Turn | null = null

  /** Its place in a waiting line. */
  caller: Caller | null = null
  round = 0
  readonly inRound: Links = { before: null, after: null }

  /** Its place among deadlines. */
  deadline = Number.POSITIVE_INFINITY
  readonly inDeadlines: Links = { before: null, after: null }

  /** Its place in a schedule. */
  due = 0
  order = 0
  index = -1

  constructor(giver: Giver, group: unknown) {
    this.giver = giver
    this.group = group
  }

  leave(): void {
    this.giver.leave(this)
  }
}
