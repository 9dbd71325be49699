import { isUtf8 } from 'node:buffer'

/** What makes two readers of one path see two paths. */
export type PathFault =
  | 'encoded-slash'
  | 'encoded-backslash'
  | 'backslash'
  | 'control-character'
  | 'dot-segment'
  | 'empty-segment'
  | 'semicolon'
  | 'double-encoding'
  | 'invalid-utf8'
  | 'malformed-encoding'
  | 'not-ascii'
  | 'fragment'

/** Faults that an app may live with, because every reader of its paths agrees. */
export type AdmittedFault = 'encoded-slash' | 'empty-segment' | 'semicolon' | 'double-encoding'

const [PERCENT, SLASH, BACKSLASH, SEMICOLON, DOT, QUERY, FRAGMENT] = [0x25, 0x2f, 0x5c, 0x3b, 0x2e, 0x3f, 0x23]

/** Where the path of a request target begins: targets may be absolute (RFC 9112 §3.2.2). */
function pathStart(target: string): number {
  if (target.charCodeAt(0) === SLASH) return 0
  const scheme = /^https?:\/\/[^/?#]*/i.exec(target)
  return scheme === null ? 0 : scheme[0].length
}

/**
 * Finds what is ambiguous in the path of a request target, as it was sent; null for plain paths. One pass; plain paths
 * cost no allocation.
 */
export function pathRule(admitted: readonly AdmittedFault[]): (target: string) => PathFault | null {
  const admits = new Set<PathFault>(admitted)
  const refuses = (fault: PathFault): PathFault | null => (admits.has(fault) ? null : fault)
  const [emptySegment, semicolon] = [refuses('empty-segment'), refuses('semicolon')]

  return (target) => {
    const start = pathStart(target)
    let segment = start
    let encoded = false
    let i = start
    for (; i < target.length; i++) {
      const code = target.charCodeAt(i)
      if (code > 0x3f ? code < 0x7f && code !== BACKSLASH : code > SLASH && code !== SEMICOLON && code !== QUERY)
        continue
      if (code === SLASH) {
        if (i > start) {
          const fault = i === segment ? emptySegment : segmentFault(target, segment, i, encoded, admits)
          if (fault !== null) return fault
        }
        segment = i + 1
        encoded = false
      } else if (code === PERCENT) encoded = true
      else if (code === QUERY) break
      // No request target has one (RFC 9112 §3.2); the router takes what follows for a query.
      else if (code === FRAGMENT) return 'fragment'
      else if (code === BACKSLASH) return 'backslash'
      else if (code === SEMICOLON) {
        if (semicolon !== null) return semicolon
      } else if (code < 0x20 || code === 0x7f) return 'control-character'
      else if (code > 0x7f || code === 0x20) return 'not-ascii'
    }
    return segmentFault(target, segment, i, encoded, admits)
  }
}

function segmentFault(
  target: string,
  start: number,
  end: number,
  encoded: boolean,
  admits: ReadonlySet<PathFault>,
): PathFault | null {
  if (!encoded) return target.charCodeAt(start) === DOT && isDots(target.slice(start, end)) ? 'dot-segment' : null
  const bytes = Buffer.alloc(end - start)
  let length = 0
  for (let i = start; i < end; i++) {
    const code = target.charCodeAt(i)
    if (code !== PERCENT) {
      bytes[length++] = code
      continue
    }
    const digits = target.slice(i + 1, i + 3)
    if (i + 2 >= end || !HEX.test(digits)) return 'malformed-encoding'
    const byte = Number.parseInt(digits, 16)
    if (byte === SLASH && !admits.has('encoded-slash')) return 'encoded-slash'
    if (byte === BACKSLASH) return 'encoded-backslash'
    if (byte < 0x20 || byte === 0x7f) return 'control-character'
    bytes[length++] = byte
    i += 2
  }
  const decoded = bytes.subarray(0, length)
  // Overlong forms and surrogates are not UTF-8 (RFC 3629 §3).
  if (!isUtf8(decoded)) return 'invalid-utf8'
  const text = decoded.toString('latin1')
  // `%252e` and `%25%32%65` are `%2e` to whoever decodes once, and `.` to whoever decodes twice.
  if (ENCODED.test(text) && !admits.has('double-encoding')) return 'double-encoding'
  return text.split('/').some(isDots) ? 'dot-segment' : null
}

const HEX = /^[0-9a-fA-F]{2}$/
const ENCODED = /%[0-9a-fA-F]{2}/

/** `.` and `..` (RFC 3986 §3.3), also before the parameters that some servers cut off: `..;a=b`. */
const isDots = (segment: string): boolean => /^\.\.?(?:;.*)?$/.test(segment)
