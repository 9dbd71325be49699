import { maxHeaderSize, type IncomingMessage } from 'node:http'
import { isEnding } from './ending.ts'
import { isCutOff } from './field-count.ts'
import { isHost } from './host.ts'
import { errors } from './kernel-errors.ts'
import type { Refusal } from './refusal.ts'
import type { State } from './state.ts'
import type { Step } from './steps.ts'

/**
 * The kernel's own step, after what decorates and before what refuses: the app closing, a connection that ends before
 * this request, fields left out, a Host missing, an unknown expectation.
 */
export function gate(state: State): Step {
  let lastHost: string | undefined
  return (request, reply) => {
    if (state.closing) {
      // RFC 9113 §8.2.2: HTTP/2 has no Connection field; Node closes its sessions.
      if (!('stream' in request.raw)) reply.header('connection', 'close')
      return errors.PTC_SERVER_CLOSING
    }
    const { raw } = request
    // RFC 9112 §3.2: a 400 for HTTP/1.1 without Host, and for any with two or with one that is none.
    if (!('stream' in raw)) {
      const { host } = raw.headers
      const refusal = isEnding(raw)
        ? errors.PTC_REQUEST_MALFORMED
        : isCutOff(raw)
          ? errors.PTC_FIELDS_TOO_LARGE
          : (faultOfLine(raw) ??
            (host === undefined ? missing(raw) : host === lastHost || isHost(host) ? repeated(raw) : invalid))
      if (refusal !== undefined) {
        reply.header('connection', 'close')
        return refusal
      }
      // Most requests name the same one.
      lastHost = host
    } else {
      // RFC 9113 §8.3.1: HTTP/2 has :authority instead; a Host beside it that differs would be read by somebody else.
      if (isTooLarge(raw)) return errors.PTC_FIELDS_TOO_LARGE
      const { host, ':authority': authority } = raw.headers
      if (host !== undefined && authority !== undefined && host !== authority) return invalid
    }
    // RFC 9110 §10.1.1: 100-continue is the only expectation; it is met when the body is read.
    const { expect } = raw.headers
    if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
      if (!('stream' in raw)) reply.header('connection', 'close')
      return errors.PTC_EXPECTATION_UNKNOWN
    }
    return undefined
  }
}

const invalid = errors.PTC_HOST_INVALID

/**
 * The parser reads `HTTP/0.9` and `HTTP/2.0` in a request line too, which are other protocols (RFC 9110 §2.5). And a
 * target may name a host itself, which counts then (RFC 9112 §3.2.2): we look at the field alone, so the two must agree.
 */
function faultOfLine(raw: IncomingMessage & { readonly originalUrl?: string }): Refusal | undefined {
  if (raw.httpVersionMajor !== 1) return errors.PTC_REQUEST_MALFORMED
  const target = raw.originalUrl ?? (raw.url as string)
  if (target.charCodeAt(0) === SLASH || target === '*') return undefined
  const authority = /^https?:\/\/([^/?#]*)/i.exec(target)?.[1]
  return authority === undefined || authority.toLowerCase() !== raw.headers.host?.toLowerCase() ? invalid : undefined
}

const SLASH = 0x2f

function missing({ httpVersionMinor }: IncomingMessage): Refusal | undefined {
  return httpVersionMinor === 1 ? errors.PTC_HOST_MISSING : undefined
}

/** Node announces this limit to clients of HTTP/2, and holds only those of HTTP/1.1 to it (RFC 9113 §10.5.1). */
function isTooLarge({ rawHeaders }: IncomingMessage): boolean {
  let size = 0
  // RFC 9113 §6.5.2: 32 octets for each field beside what it says.
  for (let i = 0; i < rawHeaders.length; i += 2)
    size += (rawHeaders[i] as string).length + (rawHeaders[i + 1] as string).length + 32
  return size > maxHeaderSize
}

/** Node takes the first of two Host fields; a proxy before it may take the second. */
function repeated({ rawHeaders }: IncomingMessage): Refusal | undefined {
  let seen = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue
    if (seen) return invalid
    seen = true
  }
  return undefined
}
