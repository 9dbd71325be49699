import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'

/** Hands on to whoever asked what undici tells of a request. */
export class Relay implements Dispatcher.DispatchHandler {
  readonly #asked: Dispatcher.DispatchHandler

  constructor(asked: Dispatcher.DispatchHandler) {
    this.#asked = asked
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#asked.onRequestStart?.(controller, context)
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    fields: IncomingHttpHeaders,
    text?: string,
  ): void {
    this.#asked.onResponseStart?.(controller, status, fields, text)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#asked.onResponseData?.(controller, chunk)
  }

  onResponseEnd(controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    this.#asked.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.#asked.onResponseError?.(controller, error)
  }
}
