/** Methods in the order in which they are listed; others follow by name. */
const ORDER = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** What an unknown URL is granted: nothing is there to protect, and the page shall see the 404. */
export const UNKNOWN_URL_METHODS: readonly string[] = ORDER

/** Fetch §2.2.1: browsers never send these from a page, so no list needs them. */
export const FORBIDDEN_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK'])

/**
 * True if a list holds the method. HEAD goes wherever GET goes: it is GET without the content (RFC 9110 §9.3.2), and
 * browsers send it without asking (Fetch, "CORS-safelisted method").
 */
export function holdsMethod(methods: ReadonlySet<string>, method: string): boolean {
  return methods.has(method) || (method === 'HEAD' && methods.has('GET'))
}

/** `Access-Control-Allow-Methods`: without HEAD, which needs no permission beside GET. */
export function listMethods(methods: ReadonlySet<string>): string {
  const rest = [...methods].filter((method) => method !== 'HEAD' && !ORDER.includes(method)).toSorted()
  return [...ORDER.filter((method) => methods.has(method)), ...rest].join(', ')
}

/** Lists of header fields that are remembered. */
const KEPT = 32

/** Says whether every requested header field may be sent. */
export type AdmitsHeaders = (requested: string | undefined) => boolean

/**
 * Compiles the list of request header fields that pages may set. Names are matched without regard to case; blanks and
 * empty elements are tolerated (RFC 9110 §5.6.1.2), as intermediaries that fold several lines make them; what is longer
 * than any honest question is refused unread.
 */
export function compileRequestHeaders(names: readonly string[]): AdmitsHeaders {
  const known = new Set(names.map((name) => name.toLowerCase()))
  const longest = 2 * names.join(', ').length + 128
  // Browsers write the same list in the same way: what was admitted once needs no second reading.
  const admitted = new Set<string>()
  return (requested) => {
    if (requested === undefined || admitted.has(requested)) return true
    if (requested.length > longest) return false
    for (const element of requested.split(',')) {
      const name = element.trim().toLowerCase()
      if (name !== '' && !known.has(name)) return false
    }
    if (admitted.size < KEPT) admitted.add(requested)
    return true
  }
}
