/**
 * The value of a cookie (RFC 6265 §4.2.1); null if it is not there, or there twice: then nobody knows which one is ours.
 */
export function cookieOf(field: string | undefined, name: string): string | null {
  if (field === undefined || !field.includes(name)) return null
  let found: string | null = null
  for (const pair of field.split(';')) {
    // Blanks alone: `trim` would also take off U+00A0, and browsers let every host of a site set a cookie whose name
    // begins with that byte and goes on with `__Host-`.
    const text = pair.replace(/^[ \t]+/, '')
    const equals = text.indexOf('=')
    if (equals === -1 || text.slice(0, equals) !== name) continue
    if (found !== null) return null
    found = text.slice(equals + 1).replace(/[ \t]+$/, '')
  }
  return found
}

/** What a careless cookie lacks. */
export interface CarelessCookie {
  readonly cookie: string
  readonly missing: readonly ('Secure' | 'HttpOnly' | 'SameSite' | '__Host-')[]
}

/** Names under which sessions and tokens travel: `connect.sid`, `PHPSESSID`, `access_token`, `remember_me`, … */
const SESSION_LIKE = /sess|(?:^|[._-])sid(?:$|[._-])|auth(?!or)|token|jwt|login|remember/i
/** Cookies that pages have to read: the double-submit pattern. */
const FOR_SCRIPTS = /csrf|xsrf/i

/** Looks at one Set-Cookie field (RFC 6265bis §5.6); null if it is careful, no session's, or an end. */
export function carelessnessOf(setCookie: string): CarelessCookie | null {
  const [pair = '', ...attributes] = setCookie.split(';')
  const equals = pair.indexOf('=')
  const cookie = pair.slice(0, equals).trim()
  if (equals === -1 || !SESSION_LIKE.test(cookie) || FOR_SCRIPTS.test(cookie)) return null
  if (pair.slice(equals + 1).trim() === '') return null
  const given = new Map(
    attributes.map((attribute) => {
      const [name = '', value = ''] = attribute.split('=')
      return [name.trim().toLowerCase(), value.trim().toLowerCase()]
    }),
  )
  if (given.get('max-age') === '0') return null
  const sameSite = given.get('samesite')
  const missing: CarelessCookie['missing'][number][] = []
  if (!given.has('secure')) missing.push('Secure')
  if (!given.has('httponly')) missing.push('HttpOnly')
  // `None` lets it travel from every site, which is what the attribute is there to prevent.
  if (sameSite !== 'strict' && sameSite !== 'lax') missing.push('SameSite')
  if (!cookie.startsWith('__Host-')) missing.push('__Host-')
  return missing.length === 0 ? null : { cookie, missing }
}
