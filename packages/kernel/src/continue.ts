import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** What Node's requests of both versions of HTTP have. */
type Body = IncomingMessage & { _read(size: number): void }

/**
 * `100 Continue` asks the client for its body (RFC 9110 §10.1.1). Node says it before anybody has looked at the request;
 * here it is said when somebody begins to read, so that a refused client keeps its body to itself. Whether it sends it
 * all the same is not known, and Node ends the connection with an answer that comes before the question.
 */
export function continueLate(server: EventEmitter): void {
  if (server.listenerCount('checkContinue') > 0) return
  server.on('checkContinue', (request: Body, response: ServerResponse) => {
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers
    if (!('stream' in request) && coding === undefined && length === '0') response.writeContinue()
    else {
      const askFirst = (size: number): void => {
        // What stands on the prototype is Node's own.
        delete (request as Partial<Body>)._read
        if (!response.headersSent) response.writeContinue()
        request._read(size)
      }
      request._read = askFirst
    }
    server.emit('request', request, response)
  })
}
