import { type AdmissionEnd, watchAdmission } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'

/** Milliseconds that a timer holds: no token lives for 24 days. */
const LONGEST = 2 ** 31 - 1

/**
 * For what stays open, a WebSocket or a stream of events: calls back once when what admitted it is over, its token
 * expired or revoked, or nobody has been able to tell for too long; perhaps at once. @returns a function that stops
 */
export function whileAdmitted(request: FastifyRequest, ended: (why: AdmissionEnd) => void): () => void {
  const expiry = request.security.identity?.claims['exp']
  let timer: NodeJS.Timeout | undefined
  if (typeof expiry === 'number') {
    const expire = (): void => {
      stop()
      ended('expired')
    }
    timer = setTimeout(expire, Math.min(Math.max(expiry * 1000 - Date.now(), 0), LONGEST)).unref()
  }
  const stop = watchAdmission(request, (why) => {
    clearTimeout(timer)
    ended(why)
  })
  return () => {
    clearTimeout(timer)
    stop()
  }
}
