import type { Dispatcher } from 'undici'
import { Download, GivenUp, type Patience, Upload } from './bodies.ts'
import { AnswerTooLarge, type Failure, failureOf, faultOfAnswer, TotalTimeout } from './failures.ts'
import { Silence, type TimeLimits, type Watched } from './silence.ts'
import type { Target } from './upstreams/target.ts'
import type { Upstream } from './upstreams/upstream.ts'

/** The client's side of an exchange. */
export interface Downstream {
  /** The request goes to a target; again with each attempt. */
  sent(target: Target): void
  /** The upstream's answer; called at most once, and never after `fail`. */
  answer(status: number, fields: Fields, body: Buffer | Download | null): void
  /** There is no answer; called at most once, and never after `answer`. `reason` is for the log, never the client. */
  fail(failure: Failure, target: string, reason: string): void
  /** The answer broke off after `answer`; the stream given to it has been destroyed. */
  cut(target: string, reason: string): void
}

/** Fields of an answer by lower-case name. */
export type Fields = Readonly<Record<string, string | string[] | undefined>>

/** Whether the body of an answer is a stream of events (HTML, server-sent events), which may go on for days. */
export function isEventStream({ 'content-type': type }: Fields): boolean {
  return typeof type === 'string' && type.startsWith('text/event-stream')
}

/** One request, ready to be sent to whichever target. */
export interface Outgoing extends Dispatcher.DispatchOptions {
  readonly body: Upload | Buffer | null
  readonly limits: TimeLimits
  /** Bytes of the answer's body; null: as many as come. */
  readonly responseLimit: number | null
}

// RFC 9110 §9.2.2, of the methods that a route may have.
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])

/** Answers by which a target says that it is not well. */
const UNWELL: ReadonlySet<number> = new Set([502, 503, 504])

/**
 * One request on its way to an upstream, and the answer on its way back. Driven by undici's events, without promises.
 * The client hears nothing before the first piece of the body is there: until then a failure is a clean 502 or 504,
 * and a body that came in one piece leaves in one. Longer bodies are streamed, as slow as the client; events
 * (text/event-stream) are from the start, for the first may be long in coming.
 *
 * What failed before any answer is tried again, at another target if there is one, if HTTP says that twice is as good as
 * once, there is no body, and the budget allows. An answer, whatever it says, is the answer.
 */
export class Exchange implements Dispatcher.DispatchHandler, Watched {
  readonly #client: Downstream
  readonly #upstream: Upstream
  readonly #outgoing: Outgoing
  readonly #patience: Patience
  #target: Target | null = null
  /** The name of the last target, for the log. */
  #asked = ''
  #attempt = 0
  #controller: Dispatcher.DispatchController | null = null
  #abortedWith: Error | null = null
  #timer: NodeJS.Timeout | undefined
  readonly #silence: Silence
  #status = 0
  #fields: Fields = {}
  #body: Download | null = null
  #received = 0
  #answered = false
  #over = false

  constructor(client: Downstream, upstream: Upstream, outgoing: Outgoing, patience: Patience) {
    this.#client = client
    this.#upstream = upstream
    this.#outgoing = outgoing
    this.#patience = patience
    const { limits, body } = outgoing
    this.#silence = new Silence(limits, body instanceof Upload ? body : null, this)
  }

  /** @param totalTimeout milliseconds; null: as long as both sides move. */
  start(target: Target, totalTimeout: number | null): void {
    if (totalTimeout !== null) {
      this.#timer = setTimeout(() => this.#abort(new TotalTimeout('took too long')), totalTimeout)
    }
    this.#send(target)
  }

  #send(target: Target): void {
    this.#target = target
    this.#asked = target.name
    this.#upstream.begin(target)
    this.#silence.connecting()
    this.#client.sent(target)
    target.send(this.#outgoing, this)
  }

  /** The client has gone: the target need not go on. */
  cancel(): void {
    if (this.#over) return
    this.#finish('gone')
    this.#abort(new Error('the client has gone'))
  }

  get heldUntil(): number {
    return this.#body?.heldUntil ?? 0
  }

  tooLate(error: Error): void {
    this.#abort(error)
  }

  #abort(reason: Error): void {
    this.#abortedWith = reason
    // Not connected yet: the client is told now, and `onRequestStart` will look.
    if (this.#controller === null) this.onResponseError(undefined, reason)
    else this.#controller.abort(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#abortedWith !== null) controller.abort(this.#abortedWith)
    else this.#silence.asked()
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, fields: Fields): void {
    // Interim answers (RFC 9110 §15.2) are not passed on.
    if (status < 200) return
    const fault = faultOfAnswer(status, fields['transfer-encoding'])
    if (fault !== null) return controller.abort(fault)
    this.#silence.answering()
    this.#status = status
    this.#fields = fields
    const { responseLimit, method } = this.#outgoing
    if (responseLimit !== null && method !== 'HEAD' && Number(fields['content-length']) > responseLimit) {
      return controller.abort(new AnswerTooLarge('the answer is too large'))
    }
    if (isEventStream(fields)) this.#stream(controller, null)
  }

  #stream(controller: Dispatcher.DispatchController, first: Buffer | null): void {
    const body = new Download(controller, this.#patience, () => performance.now())
    this.#body = body
    this.#answered = true
    if (first !== null) body.feed(first)
    this.#client.answer(this.#status, this.#fields, body)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#silence.answering()
    this.#received += chunk.length
    const { responseLimit } = this.#outgoing
    if (responseLimit !== null && this.#received > responseLimit) {
      return controller.abort(new AnswerTooLarge('the answer is too large'))
    }
    if (this.#body !== null) {
      this.#body.feed(chunk)
    } else if (!this.#answered) {
      if (Number(this.#fields['content-length']) === chunk.length) {
        this.#answered = true
        this.#client.answer(this.#status, this.#fields, chunk)
      } else this.#stream(controller, chunk)
    }
  }

  onResponseEnd(): void {
    if (this.#body !== null) {
      this.#body.complete()
    } else if (!this.#answered) {
      this.#answered = true
      this.#client.answer(this.#status, this.#fields, null)
    }
    this.#finish(UNWELL.has(this.#status) ? 'failed' : 'answered', `answered ${this.#status}`)
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#over) return
    const reason = (error as NodeJS.ErrnoException).code ?? error.name
    const failure = failureOf(error)
    // What is too large for us says nothing about the target, nor does a client that is too slow, or has left.
    const blameless =
      error instanceof GivenUp || error instanceof AnswerTooLarge || (error instanceof TotalTimeout && this.#waited())
    const outcome = !blameless && (failure === 'upstream' || failure === 'time-out') ? 'failed' : 'gone'
    if (this.#body !== null) {
      this.#finish(outcome, reason)
      this.#body.breakOff()
      this.#client.cut(this.#asked, reason)
    } else if (!this.#answered && !this.#sendAgain(failure, reason)) {
      this.#finish(outcome, reason)
      this.#answered = true
      this.#client.fail(failure, this.#asked, reason)
    }
  }

  /** Whether the service had to wait for the client: for the end of its body, or until it had read. */
  #waited(): boolean {
    const { body } = this.#outgoing
    return (body instanceof Upload && !body.readableEnded) || this.#body?.hasWaited === true
  }

  #sendAgain(failure: Failure, reason: string): boolean {
    const { body, method } = this.#outgoing
    const failed = this.#target as Target
    // What took too long would take too long again; a connection that never stood has taken nothing.
    if (failure !== 'upstream' && reason !== 'UND_ERR_CONNECT_TIMEOUT') return false
    if (body !== null || !IDEMPOTENT.has(method) || this.#status !== 0 || this.#abortedWith !== null) return false
    if (this.#attempt >= this.#upstream.retries) return false
    const now = performance.now()
    // Counted now; without another try, `#finish` has only the place to give back.
    this.#target = null
    this.#upstream.end(failed, 'failed', now, reason)
    const next = this.#upstream.pick(now, failed)
    if (next === null || !this.#upstream.budget.spend()) return false
    this.#attempt++
    this.#controller = null
    this.#send(next)
    return true
  }

  #finish(outcome: 'answered' | 'failed' | 'gone', reason = ''): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#timer)
    this.#silence.stop()
    if (this.#target !== null) this.#upstream.end(this.#target, outcome, performance.now(), reason)
    this.#upstream.leave()
  }
}
