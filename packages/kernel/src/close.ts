import type { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Chain } from './chain.ts'

/** Runs the close steps of a chain when the response is over. `onResponse` never fires for clients that leave. */
export function watch(chain: Chain, request: FastifyRequest, reply: FastifyReply): void {
  const { close } = chain
  if (request.raw.httpVersionMajor === 1 && reply.raw.socket === null) closeWithConnection(request.raw, reply.raw)
  if (close === null) return
  reply.raw.once('close', () => {
    const aborted = wasAborted(request, reply)
    for (const step of close) {
      try {
        step(request, reply, aborted)
      } catch (error) {
        request.log.error({ err: error }, 'a security step threw')
      }
    }
  })
}

const queues = new WeakMap<Socket, Set<ServerResponse>>()

/**
 * An answer that waits behind others of its connection. When that closes, Node 22 and 24 before 24.16 tell only the
 * first: the others would be under way for ever, and hold what is released with them.
 */
function closeWithConnection({ socket }: IncomingMessage, response: ServerResponse): void {
  if (!(socket instanceof Socket)) return
  const queue = queues.get(socket) ?? queueOf(socket)
  queue.add(response)
  response.once('close', () => queue.delete(response))
}

function queueOf(socket: Socket): Set<ServerResponse> {
  const queue = new Set<ServerResponse>()
  queues.set(socket, queue)
  socket.once('close', () => {
    for (const one of queue) {
      // As Node ends the first.
      Object.assign(one, { destroyed: true, _closed: true })
      one.emit('close')
    }
  })
  return queue
}

function wasAborted(request: FastifyRequest, { raw }: FastifyReply): boolean {
  // An HTTP/2 stream that its client reset ends its writing side as if all had been sent.
  const { stream } = request.raw as { stream?: { readonly aborted: boolean } }
  if (stream !== undefined) return stream.aborted
  if (raw.writableFinished) return false
  // An injected request has no connection: its response never counts as flushed.
  return !(raw.writableEnded && !(request.raw.socket instanceof Socket))
}
