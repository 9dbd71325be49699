import type { IncomingMessage } from 'node:http'

/** Connections of which the last answer has been written, or is about to be. */
const ending = new WeakSet<object>()

/** Says that a connection of HTTP/1.1 ends with the answer to this request. */
export function endsWith({ socket }: IncomingMessage): void {
  ending.add(socket)
}

/**
 * Whether an answer before this one ends the connection of a request: nothing behind it is a request then (RFC 9112
 * §9.6). Node reads what a client sends in one piece to its end, and serves all of it.
 * @param raw Node's request
 */
export function isEnding({ socket }: IncomingMessage): boolean {
  return ending.has(socket)
}
