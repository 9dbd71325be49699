import type { Upload } from './bodies.ts'
import { BodyTimeout, HeadersTimeout } from './failures.ts'

/** How long a service may say nothing, in milliseconds. */
export interface TimeLimits {
  /** Until the answer's fields, from the request's last byte, once connected; and between two pieces that it takes. */
  readonly headers: number
  /** Until the answer's fields, connecting and further attempts included; null: `headers` alone says. */
  readonly deadline: number | null
  /** Between two pieces of the answer's body. */
  readonly body: number
}

/** What is watched. */
export interface Watched {
  /** When the service was last made to wait for the client, in monotonic milliseconds; Infinity: it does now. */
  readonly heldUntil: number
  /** It has been silent for too long. */
  tooLate(error: Error): void
}

/**
 * Watches one exchange for silence, with one timer: what moves is noted, and looked at when the timer fires. undici's
 * own timers are as exact as a second, and hold whatever failed for that long.
 */
export class Silence {
  readonly #limits: TimeLimits
  readonly #watched: Watched
  /** The request's body, until all of it has been taken. */
  #upload: Upload | null
  #phase: 'connecting' | 'asked' | 'answering' = 'connecting'
  #since = performance.now()
  #timer: NodeJS.Timeout | undefined
  #doubted = false

  constructor(limits: TimeLimits, upload: Upload | null, watched: Watched) {
    this.#limits = limits
    this.#upload = upload
    this.#watched = watched
    if (upload !== null) {
      upload.once('end', () => {
        this.#upload = null
        if (this.#timer === undefined || this.#phase === 'answering') return
        this.#since = performance.now()
        this.#arm(limits.deadline ?? limits.headers)
      })
    }
    this.#arm(limits.deadline ?? limits.headers)
  }

  /** Another attempt. */
  connecting(): void {
    this.#phase = 'connecting'
  }

  /** The request goes out on a connection. */
  asked(): void {
    this.#phase = 'asked'
    if (this.#limits.deadline === null) this.#since = performance.now()
  }

  /** The answer's fields are there, or a piece of its body. */
  answering(): void {
    const { body, deadline, headers } = this.#limits
    if (this.#phase !== 'answering' && body < (deadline ?? headers)) this.#arm(body)
    this.#phase = 'answering'
    this.#since = performance.now()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  look(): void {
    if (this.#timer === undefined) return
    const left = this.#left(performance.now())
    if (left > 0) {
      this.#doubted = false
      this.#arm(left)
    } else if (!this.#doubted) {
      // If it was this process that was busy, what has come meanwhile is read first.
      this.#doubted = true
      setImmediate(look, this)
    } else {
      this.stop()
      const { body, headers, deadline } = this.#limits
      const error =
        this.#phase === 'answering'
          ? new BodyTimeout(`no piece of the answer in ${body} ms`)
          : new HeadersTimeout(`no answer in ${deadline ?? headers} ms`)
      this.#watched.tooLate(error)
    }
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(look, ms, this)
  }

  /** Milliseconds that are left. */
  #left(now: number): number {
    const { headers, deadline, body } = this.#limits
    if (this.#phase === 'answering') {
      const { heldUntil } = this.#watched
      return heldUntil === Infinity ? body : Math.max(this.#since, heldUntil) + body - now
    }
    if (this.#upload !== null) {
      // The client may be slow with its body; the service is to take what is there.
      const taking = this.#phase === 'connecting' || this.#upload.readableLength === 0
      return taking ? headers : Math.max(this.#since, this.#upload.movedAt) + headers - now
    }
    if (deadline !== null) return this.#since + deadline - now
    return this.#phase === 'connecting' ? headers : this.#since + headers - now
  }
}

const look = (silence: Silence): void => silence.look()
