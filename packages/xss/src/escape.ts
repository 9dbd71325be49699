const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const SPECIAL = /[&<>"']/g
const ANY_SPECIAL = /[&<>"']/

/** Text as HTML shows it, between elements and in quoted attributes alike. */
export function escapeHtml(text: string): string {
  return ANY_SPECIAL.test(text) ? text.replaceAll(SPECIAL, (character) => ENTITIES[character] as string) : text
}

const IN_JSON: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/**
 * JSON that may stand in a script element: no `</script`, no `<!--` (HTML §4.12.1.3), and no line end that older
 * JavaScript does not know in strings. `JSON.parse` makes the same value of
 * it; as an object literal it would not: there a member `__proto__` is the prototype.
 * @throws TypeError for what JSON cannot say (cycles, BigInt)
 * @example `<script type="application/json" id="order">${jsonForScript(order)}</script>`
 */
export function jsonForScript(value: unknown): string {
  const json = JSON.stringify(value) as string | undefined
  return (json ?? 'null').replaceAll(/[<>&\u2028\u2029]/g, (character) => IN_JSON[character] as string)
}

/** Schemes of links that nothing is run by. */
const SCHEMES: ReadonlySet<string> = new Set(['http', 'https', 'mailto', 'tel'])

/** Where a link goes whose URL is not one that may be linked. */
export const NOWHERE = 'about:invalid'

/**
 * A whole URL from data, for `href` and `src`: relative, or of a scheme that runs nothing.
 * @returns the URL, or `about:invalid`
 */
export function linkable(url: string): string {
  // WHATWG URL §4.4: browsers cut controls and spaces off both ends, and tabs and line ends out of the middle.
  const seen = url.replaceAll(/[\u0000-\u0020]+/g, '')
  const scheme = /^([^/?#:]*):/.exec(seen)?.[1]
  return scheme === undefined || SCHEMES.has(scheme.toLowerCase()) ? url : NOWHERE
}

/**
 * Data within a URL, behind its origin: one path segment, or a part of a query or fragment. A segment that walks up the
 * path is left out; percent-encoded it would walk up still (WHATWG URL, double-dot URL path segment).
 */
export function urlPart(text: string): string {
  if (text === '.' || text === '..') return ''
  return encodeURIComponent(text.toWellFormed()).replaceAll("'", '%27')
}
