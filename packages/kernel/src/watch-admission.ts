import type { FastifyRequest } from 'fastify'
import type { RequestSecurityState } from './request.ts'
import type { AdmissionEnd } from './steps.ts'

/**
 * Looks after a request that stays under way, a WebSocket or a stream of events: calls back once, when the rooms would no
 * longer admit it, because its token has expired or was revoked, its session has ended, or what decides on it has been
 * away for too long. Costs nothing where nobody calls it.
 * @returns a function that stops: to be called when the request is over
 * @example
 * const stop = watchAdmission(request, (why) => socket.close(why === 'unavailable' ? 1013 : 3000))
 * socket.once('close', stop)
 */
export function watchAdmission(request: FastifyRequest, ended: (why: AdmissionEnd) => void): () => void {
  const stops: (() => void)[] = []
  let over = false
  const stop = (): void => {
    over = true
    for (const one of stops.splice(0)) one()
  }
  const end = (why: AdmissionEnd): void => {
    if (over) return
    stop()
    try {
      ended(why)
    } catch (error) {
      // Others are told of the same revocation after this one.
      request.log.error({ err: error }, 'what ends a request that is no longer admitted threw')
    }
  }
  for (const watch of (request.security as RequestSecurityState | undefined)?.chain.watch ?? []) {
    const one = watch(request, end)
    if (over) one?.()
    else if (one !== undefined) stops.push(one)
  }
  return stop
}
