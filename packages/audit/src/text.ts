/**
 * What must not reach a terminal or a line-based reader, even after a pretty-printer has undone JSON's escapes:
 * C0 (CR, LF, ESC), DEL and C1 controls (U+009B is CSI), line separators, and the bidirectional overrides that
 * make a line read as another (CWE-117, CVE-2021-42574).
 */
const HARMFUL = /[\u0000-\u001F\u007F-\u009F\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/g
const ORDINARY = /^[\u0020-\u007E]*$/

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

/**
 * Text that is safe to show, at most `limit` characters long (a cut shows as `…`).
 * @param text whatever a client sent.
 */
export function plain(text: string, limit: number): string {
  const short = text.length > limit ? `${text.slice(0, limit)}…` : text
  return ORDINARY.test(short) ? short : short.replaceAll(HARMFUL, escaped)
}

/**
 * The path of a request target, without whatever may hold a secret: query, fragment, matrix parameters, and the
 * user:password@host of an absolute form (RFC 9112 §3.2.2). Not decoded.
 */
export function pathOf(target: string): string {
  let from = 0
  if (target.charCodeAt(0) !== 47 /* / */) {
    const scheme = target.indexOf('://')
    if (scheme === -1) return target === '*' ? target : ''
    from = target.indexOf('/', scheme + 3)
    if (from === -1) return '/'
  }
  for (let at = from; at < target.length; at++) {
    const code = target.charCodeAt(at)
    if (code === 63 /* ? */ || code === 35 /* # */ || code === 59 /* ; */) return target.slice(from, at)
    // An encoded `?`, `#` or `;` was meant as one by whoever sent it.
    if (code === 37 /* % */ && /^%(?:3f|23|3b)/i.test(target.slice(at, at + 3))) return target.slice(from, at)
  }
  return from === 0 ? target : target.slice(from)
}

/** Names of values that are secrets. What has a secret inside (`credentials: [{ field, sha256 }]`) is looked into. */
const SECRET =
  /(?:authori[sz]ation|cookies?|passw(?:or)?d|passphrase|secret|token|credentials?|api[-_]?key|private[-_]?key|session(?:[-_]?id)?|signature|nonce|otp|pin)$/i
/** Values that are credentials, under whatever name: a JWT, or an Authorization value. */
const CREDENTIAL = /\beyJ[\w-]{8,}|\b(?:Bearer|Basic|Digest|DPoP)\s+\S/i

const TEXT = 256
const ENTRIES = 16
const DEPTH = 3

/**
 * Particulars of an event, bounded: known secrets replaced, texts cut, what is neither text, number nor boolean left out.
 */
export function bounded(detail: Readonly<Record<string, unknown>>, depth: number = DEPTH): Record<string, unknown> {
  const kept: Record<string, unknown> = {}
  let entries = 0
  for (const [name, value] of Object.entries(detail)) {
    if (++entries > ENTRIES) break
    const safe = SECRET.test(name) && typeof value !== 'object' ? '[redacted]' : boundedValue(value, depth)
    if (safe !== undefined) kept[plain(name, 64)] = safe
  }
  return kept
}

function boundedValue(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return CREDENTIAL.test(value) ? '[redacted]' : plain(value, TEXT)
    case 'number':
    case 'boolean':
      return value
    case 'bigint':
      return value.toString()
    case 'object':
      if (value === null) return null
      if (depth === 0) return undefined
      if (Array.isArray(value)) return value.slice(0, ENTRIES).map((item) => boundedValue(item, depth - 1) ?? null)
      if (value instanceof Error)
        return { name: plain(value.name, 64), code: boundedValue((value as { code?: unknown }).code, 0) }
      if (ArrayBuffer.isView(value)) return undefined
      return bounded(value as Record<string, unknown>, depth - 1)
    default:
      return undefined
  }
}
