/** What a browser may run of an answer, by kind of document. */
export type Scriptable = 'html' | 'svg' | 'xml' | 'pdf' | 'javascript'

/** A parsed Content-Type. */
export interface MediaType {
  /** Type and subtype, in lower case. */
  readonly essence: string
  /** The charset, in lower case; null without one, and where two differ: browsers take the first, others the last. */
  readonly charset: string | null
}

/** RFC 9110 §5.6.2: a token. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const VALUE = `(?:${TOKEN}|"(?:[\\t\\x20\\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*")`
const ESSENCE = new RegExp(`^[ \\t]*(${TOKEN}/${TOKEN})[ \\t]*(?=;|$)`)
const PARAMETER = new RegExp(`;[ \\t]*(?:(${TOKEN})=(${VALUE}))?[ \\t]*(?=;|$)`, 'y')

/** Longest Content-Type that is read, in characters. */
export const LONGEST_MEDIA_TYPE = 256

/**
 * Parses a Content-Type as RFC 9110 §8.3.1 writes it: one type, well-formed parameters.
 * @returns null for anything else, a list of types too: where a browser reads on after a mistake, it may read another
 * type than we did (Fetch §3.1.2 takes the last of a list).
 */
export function parseMediaType(value: string): MediaType | null {
  if (value.length > LONGEST_MEDIA_TYPE) return null
  const essence = ESSENCE.exec(value)
  if (essence?.[1] === undefined) return null
  const charsets = new Set<string>()
  for (PARAMETER.lastIndex = essence[0].length; PARAMETER.lastIndex < value.length;) {
    const parameter = PARAMETER.exec(value)
    if (parameter === null) return null
    const [, name, text = ''] = parameter
    if (name?.toLowerCase() === 'charset') charsets.add(unquoted(text).toLowerCase())
  }
  const [charset = null] = charsets.size === 1 ? charsets : []
  return { essence: essence[1].toLowerCase(), charset }
}

const unquoted = (text: string): string => (text.startsWith('"') ? text.slice(1, -1).replaceAll(/\\(.)/g, '$1') : text)

/** MIME Sniffing §4.6, JavaScript MIME types: what a script element runs under `nosniff` too. */
const SUBTYPES_OF_JAVASCRIPT: ReadonlySet<string> = new Set([
  'ecmascript',
  'javascript',
  'javascript1.0',
  'javascript1.1',
  'javascript1.2',
  'javascript1.3',
  'javascript1.4',
  'javascript1.5',
  'jscript',
  'livescript',
  'x-ecmascript',
  'x-javascript',
])

/** Chromium opens the type of its own PDF viewer as HTML, whoever sends it. */
const HTML: ReadonlySet<string> = new Set(['text/html', 'application/xhtml+xml', 'application/x-google-chrome-pdf'])

/** Under all of its names. */
const PDF: ReadonlySet<string> = new Set(['application/pdf', 'application/x-pdf', 'text/pdf'])

/**
 * What may run of a type. MIME Sniffing §4.6 calls HTML, every XML type and PDF scriptable; SVG is the XML that users
 * upload. Three more are documents: a multipart answer replaces its page by parts of types of their own (HTML §7.4.2.1,
 * `multipart/x-mixed-replace`), `multipart/related` and `message/*` hold web archives, `text/xsl` is a stylesheet that
 * browsers open as XML, `text/rdf` an old name of RDF that Firefox does.
 */
export function scriptable(essence: string): Scriptable | null {
  const [type = '', subtype = ''] = essence.split('/')
  if (type === 'multipart' || type === 'message') return 'html'
  if (HTML.has(essence)) return 'html'
  if (essence === 'image/svg+xml') return 'svg'
  if (subtype.endsWith('+xml') || ['xml', 'xsl', 'xslt'].includes(subtype) || essence === 'text/rdf') return 'xml'
  if (PDF.has(essence)) return 'pdf'
  if ((type === 'text' || type === 'application') && SUBTYPES_OF_JAVASCRIPT.has(subtype)) return 'javascript'
  return null
}

/**
 * Types that browsers take for no type at all, and sniff (MIME Sniffing §7). Unlike the others they are not worth
 * keeping.
 */
const UNKNOWN: ReadonlySet<string> = new Set(['*/*', 'unknown/unknown', 'application/unknown'])

/** Whether a type says nothing. */
export const saysNothing = (essence: string): boolean => UNKNOWN.has(essence)

/** RFC 8259 §11, RFC 6839 §3.1: JSON has no charset, and no browser runs it. */
export const isJson = (essence: string): boolean => essence === 'application/json' || essence.endsWith('+json')

/** Whether bytes of a type become text by its charset. PDF and multipart have none. */
export const isText = (essence: string): boolean => {
  if (essence.startsWith('text/')) return true
  const kind = scriptable(essence)
  return kind !== null && kind !== 'pdf' && !essence.startsWith('multipart/') && !essence.startsWith('message/')
}
