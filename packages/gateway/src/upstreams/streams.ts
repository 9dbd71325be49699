import { subscribe } from 'node:diagnostics_channel'
import type { IncomingHttpHeaders } from 'node:http'
import type { ClientHttp2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { Relay } from './relay.ts'

/** Why an answer is none, or not whole: its stream was reset before it had ended. */
class StreamReset extends Error {
  readonly code = 'STREAM_RESET'
}

/** The request that is about to open a stream. undici does so in the turn in which it says that a request starts. */
let opening: StreamWatch | null = null
const opened = (): void => {
  opening = null
}

const watches = new WeakMap<object, StreamWatch>()
let isSubscribed = false

/** Node says of each stream that it opens, for undici gives none out. */
function subscribeOnce(): void {
  if (isSubscribed) return
  isSubscribed = true
  subscribe('http2.client.stream.created', (message) => {
    if (opening === null) return
    const { stream } = message as { readonly stream: ClientHttp2Stream }
    watches.set(stream, opening)
    stream.push = push
    opening = null
  })
}

function push(this: ClientHttp2Stream, ...[chunk, encoding]: Parameters<Duplex['push']>): boolean {
  if (chunk === null) watches.get(this)?.ended(this.closed)
  return Duplex.prototype.push.call(this, chunk, encoding)
}

/**
 * One request over HTTP/2, whose answer is whole only where its service has ended it (RFC 9113 §8.1). To Node, and so to
 * undici, a stream that is reset with NO_ERROR or CANCEL has ended like any other: what came until then would pass for
 * all of it.
 */
export class StreamWatch extends Relay {
  #hasEnded = false
  #isReset = false

  constructor(asked: Dispatcher.DispatchHandler) {
    super(asked)
    subscribeOnce()
  }

  /** Nothing more is read from its stream. @param isClosed before its end was read: it was reset */
  ended(isClosed: boolean): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#isReset = isClosed
  }

  override onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#hasEnded = false
    opening = this
    // Where HTTP/1.1 is spoken after all, or the request is given up, no stream is opened.
    queueMicrotask(opened)
    super.onRequestStart(controller, context)
  }

  override onResponseEnd(controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    if (!this.#isReset) super.onResponseEnd(controller, trailers)
    else super.onResponseError(controller, new StreamReset('the stream was reset before its end'))
  }
}
