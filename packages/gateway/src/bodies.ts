import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'

/** Why a request's body was not forwarded to its end. */
export class UploadError extends Error {
  readonly tooLarge: boolean

  constructor(tooLarge: boolean) {
    super(tooLarge ? 'the body grew past its limit' : 'the body broke off')
    this.tooLarge = tooLarge
  }
}

/** A request's body on its way to a service: counted, never kept, as slow as the service. */
export class Upload extends Readable {
  readonly #source: Readable
  readonly #limit: number
  #seen = 0
  /** When the service last took something, or there was something to take again, in monotonic milliseconds. */
  movedAt = 0

  /** @param limit bytes. */
  constructor(source: Readable, limit: number) {
    super()
    this.#source = source
    this.#limit = limit
    // Whoever forwards this listens only as long as it forwards.
    this.on('error', () => {})
    source.on('error', () => this.destroy(new UploadError(false)))
    source.on('end', () => this.push(null))
    source.on('data', this.#take)
  }

  readonly #take = (piece: Buffer | string): void => {
    const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece
    this.#seen += chunk.length
    if (this.#seen > this.#limit) return void this.destroy(new UploadError(true))
    if (this.readableLength === 0) this.movedAt = performance.now()
    if (!this.push(chunk)) this.#source.pause()
  }

  override _read(): void {
    this.movedAt = performance.now()
    this.#source.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#source.off('data', this.#take)
    this.#source.pause()
    done(error)
  }
}

/** What a client's connection is broken off with; it may reach an application's error handler, so it names nothing. */
class BrokenOff extends Error {
  readonly statusCode = 502
}

/** How slowly a client may read. */
export interface Patience {
  /** Milliseconds that a client may let the service wait, whatever it reads. */
  readonly grace: number
  /** And the time that reading takes at this rate. */
  readonly bytesPerSecond: number
}

/** Why an answer was given up: the client's doing, not the service's. The code is for the log. */
export class GivenUp extends Error {
  readonly code: 'CLIENT_GONE' | 'CLIENT_TOO_SLOW' | 'TOKEN_EXPIRED' | 'TOKEN_REVOKED' | 'AUTH_UNAVAILABLE'

  constructor(code: GivenUp['code']) {
    super('the answer is no longer wanted')
    this.code = code
  }
}

/** An answer's body on its way to the client, as slow as the client, within the limits of patience. */
export class Download extends Readable {
  readonly #controller: Dispatcher.DispatchController
  readonly #patience: Patience
  readonly #now: () => number
  #complete = false
  #fed = 0
  /** Milliseconds that the service has waited for the client, pauses that are over. */
  #waited = 0
  #pausedAt = 0
  #heldUntil = 0
  #timer: NodeJS.Timeout | undefined
  /** Called once, when the client's side has begun to read: what stands before the body is written by then. */
  onRead: (() => void) | null = null

  /** @param now monotonic milliseconds. */
  constructor(controller: Dispatcher.DispatchController, patience: Patience, now: () => number) {
    super()
    this.#controller = controller
    this.#patience = patience
    this.#now = now
  }

  /** Whether the service has waited for the client. */
  get hasWaited(): boolean {
    return this.#waited > 0 || this.#controller.paused
  }

  /** When it last waited, in monotonic milliseconds; 0: never; Infinity: it does now. */
  get heldUntil(): number {
    return this.#controller.paused ? Infinity : this.#heldUntil
  }

  /** A piece from the service. */
  feed(chunk: Buffer): void {
    this.#fed += chunk.length
    if (!this.push(chunk)) this.#pause()
  }

  /** While the service waits, it is busy with this client: a few hundred that do not read would keep all others out. */
  #pause(): void {
    this.#controller.pause()
    this.#pausedAt = this.#now()
    const { grace, bytesPerSecond } = this.#patience
    const left = grace + (this.#fed / bytesPerSecond) * 1000 - this.#waited
    this.#timer = setTimeout(() => this.giveUp('CLIENT_TOO_SLOW'), Math.max(left, 0))
  }

  /** The client gets no more of it. */
  giveUp(code: GivenUp['code']): void {
    this.#controller.abort(new GivenUp(code))
    this.breakOff()
  }

  /** The service has sent all of it. */
  complete(): void {
    clearTimeout(this.#timer)
    this.#complete = true
    this.push(null)
  }

  /** The service will not send the rest. */
  breakOff(): void {
    this.#complete = true
    this.destroy(new BrokenOff('The answer broke off'))
  }

  override _read(): void {
    if (this.onRead !== null) {
      this.onRead()
      this.onRead = null
    }
    if (!this.#controller.paused) return
    clearTimeout(this.#timer)
    this.#heldUntil = this.#now()
    this.#waited += this.#heldUntil - this.#pausedAt
    this.#controller.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer)
    // Whoever gives the answer up gives the service's up too.
    if (!this.#complete) this.#controller.abort(new GivenUp('CLIENT_GONE'))
    done(error)
  }
}
