import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { Download, type Patience, UploadError } from './bodies.ts'

/** How an exchange with a service can fail. */
export type Failure = 'upstream' | 'time-out' | 'body-too-large' | 'request-malformed'

/** The client's side of an exchange. */
export interface Downstream {
  /** The service's answer; called at most once, and never after `fail`. */
  answer(status: number, fields: Fields, body: Buffer | Readable | null): void
  /** There is no answer; called at most once, and never after `answer`. `reason` is for the log, never the client. */
  fail(failure: Failure, reason: string): void
  /** The answer broke off after `answer`; the stream given to it has been destroyed. */
  cut(reason: string): void
  /** Called once, when the service is no longer busy with this request. */
  release(): void
}

/** Fields of an answer by lower-case name. */
export type Fields = Readonly<Record<string, string | string[] | undefined>>

/** Classifies what a request to a service failed with. */
export function failureOf(error: Error): Failure {
  if (error instanceof UploadError) return error.tooLarge ? 'body-too-large' : 'request-malformed'
  switch ((error as NodeJS.ErrnoException).code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
    case 'ETIMEDOUT':
      return 'time-out'
    case 'UND_ERR_INVALID_ARG':
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
      return 'request-malformed'
    default:
      return 'upstream'
  }
}

/**
 * One request on its way to a service, and the answer on its way back. Driven by undici's events, without promises.
 * The client hears nothing before the first piece of the body is there: until then a failure is a clean 502 or 504,
 * and a body that came in one piece leaves in one. Longer bodies are streamed, as slow as the client.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #client: Downstream
  readonly #patience: Patience
  #controller: Dispatcher.DispatchController | null = null
  #status = 0
  #fields: Fields = {}
  #body: Download | null = null
  #answered = false
  #over = false

  constructor(client: Downstream, patience: Patience) {
    this.#client = client
    this.#patience = patience
  }

  /** The client has gone: the service need not go on. */
  cancel(): void {
    if (this.#over) return
    this.#finish()
    // Not connected yet: `onRequestStart` will look.
    this.#controller?.abort(new Error('the client has gone'))
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(new Error('the client has gone'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, fields: Fields): void {
    // Interim answers (RFC 9110 §15.2) are not passed on, and there are none beyond 599 (§15).
    if (status < 200) return
    if (status > 599) return controller.abort(new Error('not a status code'))
    this.#status = status
    this.#fields = fields
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#body !== null) {
      this.#body.feed(chunk)
    } else if (!this.#answered) {
      this.#answered = true
      if (Number(this.#fields['content-length']) === chunk.length) {
        this.#client.answer(this.#status, this.#fields, chunk)
      } else {
        this.#body = new Download(controller, this.#patience, () => performance.now())
        this.#body.feed(chunk)
        this.#client.answer(this.#status, this.#fields, this.#body)
      }
    }
  }

  onResponseEnd(): void {
    if (this.#body !== null) {
      this.#body.complete()
    } else if (!this.#answered) {
      this.#answered = true
      this.#client.answer(this.#status, this.#fields, null)
    }
    this.#finish()
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#over) return
    const reason = (error as NodeJS.ErrnoException).code ?? error.name
    this.#finish()
    if (this.#body !== null) {
      this.#body.breakOff()
      this.#client.cut(reason)
    } else if (!this.#answered) {
      this.#answered = true
      this.#client.fail(failureOf(error), reason)
    }
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#client.release()
  }
}
