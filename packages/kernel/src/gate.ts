import { errors } from './kernel-errors.ts'
import type { State } from './state.ts'
import type { Step } from './steps.ts'

/** The kernel's own step, after what decorates and before what refuses: the app closing, a Host missing. */
export function gate(state: State): Step {
  return (request, reply) => {
    if (state.closing) {
      reply.header('connection', 'close')
      return errors.PTC_SERVER_CLOSING
    }
    const { raw } = request
    // RFC 9112 §3.2: a 400 for HTTP/1.1 without Host; HTTP/2 has :authority instead.
    if (raw.headers.host === undefined && raw.httpVersionMajor === 1 && raw.httpVersionMinor === 1) {
      reply.header('connection', 'close')
      return errors.PTC_HOST_MISSING
    }
    return undefined
  }
}
