import type { Turn } from './turn.ts'

const giveBack = (turn: Turn): void => turn.leave()

/** Which requests wait or hold places. A request that is over leaves all of them. */
export class Attendance {
  readonly #turns = new WeakMap<object, Turn>()
  readonly #gone = new WeakSet<object>()
  /** Whether the app closes: nobody begins to wait any more. */
  closing = false

  /** @returns false if the client has gone before; then the turn is given back. */
  join(request: object, turn: Turn): boolean {
    if (this.#gone.has(request)) {
      turn.leave()
      return false
    }
    turn.beside = this.#turns.get(request) ?? null
    this.#turns.set(request, turn)
    return true
  }

  /** The request is over. Called once. */
  leave(request: object, aborted: boolean): void {
    // Steps that wait for something else go on after the client has gone.
    if (aborted) this.#gone.add(request)
    for (let turn = this.#turns.get(request) ?? null; turn !== null; turn = turn.beside) {
      if (turn.state === 'waiting') {
        turn.leave()
        turn.settle('gone')
      } else if (aborted) {
        // A connection closes response by response, or stream by stream: the place must not go to a request of a client
        // that is just leaving.
        setImmediate(giveBack, turn)
      } else turn.leave()
    }
    this.#turns.delete(request)
  }
}
