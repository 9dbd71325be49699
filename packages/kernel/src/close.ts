import { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Chain } from './chain.ts'

/** Runs the close steps of a chain when the response is over. `onResponse` never fires for clients that leave. */
export function watch(chain: Chain, request: FastifyRequest, reply: FastifyReply): void {
  const { close } = chain
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

function wasAborted(request: FastifyRequest, { raw }: FastifyReply): boolean {
  // An HTTP/2 stream that its client reset ends its writing side as if all had been sent.
  const { stream } = request.raw as { stream?: { readonly aborted: boolean } }
  if (stream !== undefined) return stream.aborted
  if (raw.writableFinished) return false
  // An injected request has no connection: its response never counts as flushed.
  return !(raw.writableEnded && !(request.raw.socket instanceof Socket))
}
