import { errors } from './kernel-errors.ts'
import type { State } from './state.ts'
import type { Step } from './steps.ts'

/** The kernel's own step, after what decorates and before what refuses: the app closing, a Host missing, an unknown expectation. */
export function gate(state: State): Step {
  return (request, reply) => {
    if (state.closing) {
      // RFC 9113 §8.2.2: HTTP/2 has no Connection field; Node closes its sessions.
      if (request.raw.httpVersionMajor === 1) reply.header('connection', 'close')
      return errors.PTC_SERVER_CLOSING
    }
    const { raw } = request
    // RFC 9112 §3.2: a 400 for HTTP/1.1 without Host; HTTP/2 has :authority instead.
    if (raw.headers.host === undefined && raw.httpVersionMajor === 1 && raw.httpVersionMinor === 1) {
      reply.header('connection', 'close')
      return errors.PTC_HOST_MISSING
    }
    // RFC 9110 §10.1.1: 100-continue is the only expectation; Node has answered it already.
    const { expect } = raw.headers
    if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
      if (raw.httpVersionMajor === 1) reply.header('connection', 'close')
      return errors.PTC_EXPECTATION_UNKNOWN
    }
    return undefined
  }
}
