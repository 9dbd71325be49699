import { Readable, Transform, type TransformCallback } from 'node:stream'
import type { Dispatcher } from 'undici'

/** Why a request's body was not forwarded to its end. */
export class UploadError extends Error {
  readonly tooLarge: boolean

  constructor(tooLarge: boolean) {
    super(tooLarge ? 'the body grew past its limit' : 'the body broke off')
    this.tooLarge = tooLarge
  }
}

/** A request's body on its way to a service: counted, never kept. */
export class Upload extends Transform {
  readonly #limit: number
  #seen = 0

  /** @param limit bytes. */
  constructor(source: Readable, limit: number) {
    super()
    this.#limit = limit
    // Whoever forwards this listens only as long as it forwards.
    this.on('error', () => {})
    source.on('error', () => this.destroy(new UploadError(false)))
    source.pipe(this)
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#seen += chunk.length
    if (this.#seen > this.#limit) done(new UploadError(true))
    else done(null, chunk)
  }
}

/** What a client's connection is broken off with; it may reach an application's error handler, so it names nothing. */
class BrokenOff extends Error {
  readonly statusCode = 502
}

/** An answer's body on its way to the client, as slow as the client. */
export class Download extends Readable {
  readonly #controller: Dispatcher.DispatchController
  #complete = false

  constructor(controller: Dispatcher.DispatchController) {
    super()
    this.#controller = controller
  }

  /** A piece from the service. */
  feed(chunk: Buffer): void {
    if (!this.push(chunk)) this.#controller.pause()
  }

  /** The service has sent all of it. */
  complete(): void {
    this.#complete = true
    this.push(null)
  }

  /** The service will not send the rest. */
  breakOff(): void {
    this.#complete = true
    this.destroy(new BrokenOff('The answer broke off'))
  }

  override _read(): void {
    if (this.#controller.paused) this.#controller.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // Whoever gives the answer up gives the service's up too.
    if (!this.#complete) this.#controller.abort(new Error('the answer is no longer wanted'))
    done(error)
  }
}
