/** Header fields as Node parses them: names in lower case, absent ones undefined. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * Where a request comes from: `ours` (a page that may change state, or the user's own hand), `site` or `origin` (a page
 * that may not, by the field that gave it away), `unknown` (nothing was said: no browser, or an old one).
 */
export type Source = 'ours' | 'site' | 'origin' | 'unknown'

/**
 * Reads what no page's script can write (Fetch Metadata §2.4; Fetch §3.2). An origin is compared with the configured ones
 * only: Host and X-Forwarded-Host are the client's own words.
 */
export function sourceOf(fields: Fields, origins: ReadonlySet<string>): Source {
  const { origin } = fields
  if (origin !== undefined) {
    if (origins.has(origin as string)) return 'ours'
    // `null` also comes from our own forms, under `Referrer-Policy: no-referrer` (Fetch §3.2.5): the site decides.
    if (origin !== 'null') return 'origin'
  }
  const site = fields['sec-fetch-site']
  // `none` is the address bar or a bookmark: the user alone starts these.
  if (site === 'same-origin' || site === 'none') return 'ours'
  // `same-site` is a sibling sub-domain, which may be anybody's; unknown values and lists are no browser's.
  if (site !== undefined) return 'site'
  return origin === undefined ? 'unknown' : 'origin'
}

/** Why a text is no origin that browsers send, and what to write instead, if that can be told. */
export interface OriginMistake {
  readonly wrong: string
  readonly instead: string | null
}

/** The mistake in a configured origin; null if a browser sends exactly this (HTML, "serialization of an origin"). */
export function mistakeIn(text: string): OriginMistake | null {
  if (text === 'null') return { wrong: 'is what every sandboxed frame sends', instead: null }
  if (text.includes('*')) return { wrong: 'has a wildcard; name each origin, a sibling may be anybody', instead: null }
  let url: URL
  try {
    url = new URL(text.includes('://') ? text : `https://${text}`)
  } catch {
    return { wrong: 'is no origin', instead: null }
  }
  // URLs admit more than names do: a comma between two origins.
  if (!/^(?:[\w.-]+|\[[\da-f:.]+\])$/.test(url.hostname)) return { wrong: 'is no origin', instead: null }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    return { wrong: 'is neither https nor http', instead: null }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    const instead = new URL(url.origin.replace(/^http:/, 'https:')).origin
    return { wrong: 'is plain http, where anybody on the way can write the page', instead }
  }
  return url.origin === text ? null : { wrong: 'is not what browsers send', instead: url.origin }
}

/** Names and addresses that browsers take for this machine (Secure Contexts §3.1), as URLs write them. */
function isLoopback(host: string): boolean {
  return /^(?:(?:.+\.)?localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(host)
}
