/**
 * The value of a cookie (RFC 6265 §4.2.1); null if it is not there, undefined if it is there twice: then nobody knows
 * which one is ours. One pass: a field of blanks costs no more than any other.
 */
export function cookieOf(field: string | undefined, name: string): string | null | undefined {
  let found: string | null = null
  if (field === undefined) return found
  for (let at = field.indexOf(name); at !== -1; at = field.indexOf(name, at + name.length)) {
    const equals = at + name.length
    if (field[equals] !== '=' || !begins(field, at)) continue
    if (found !== null) return undefined
    const end = field.indexOf(';', equals)
    found = field.slice(equals + 1, end === -1 ? undefined : end)
  }
  return found
}

/**
 * Whether a pair begins here. Blanks alone may stand before it: browsers let every host of a site set a cookie whose name
 * begins with U+00A0 and goes on with `__Host-`.
 */
function begins(field: string, at: number): boolean {
  let before = at - 1
  while (field[before] === ' ' || field[before] === '\t') before--
  return before === -1 || field[before] === ';'
}

/** What a careless cookie lacks. */
export interface CarelessCookie {
  readonly cookie: string
  readonly missing: readonly ('Secure' | 'HttpOnly' | 'SameSite' | '__Host-')[]
}

/** Names under which sessions and tokens travel: `connect.sid`, `PHPSESSID`, `access_token`, `remember_me`, … */
const SESSION_LIKE =
  /sess|auth(?!or)|token|jwt|login|remember|refresh|identity|credential|(?:^|[._-])(?:sid|sso|saml)(?:$|[._-])/i
/** Cookies that pages have to read: the double-submit pattern. */
const FOR_SCRIPTS = /csrf|xsrf/i

/**
 * Looks at one Set-Cookie field (RFC 6265bis §5.6); null if it is careful, no session's, or an end.
 * @param now milliseconds since the epoch
 */
export function carelessnessOf(setCookie: string, now: number): CarelessCookie | null {
  const [pair = '', ...attributes] = setCookie.split(';')
  const equals = pair.indexOf('=')
  const cookie = pair.slice(0, equals).trim()
  if (equals === -1 || !SESSION_LIKE.test(cookie) || FOR_SCRIPTS.test(cookie)) return null
  const given = new Map(
    attributes.map((attribute) => {
      const [name = '', value = ''] = attribute.split('=')
      return [name.trim().toLowerCase(), value.trim().toLowerCase()]
    }),
  )
  if (pair.slice(equals + 1).trim() === '' || isOver(given, now)) return null
  const sameSite = given.get('samesite')
  const missing: CarelessCookie['missing'][number][] = []
  if (!given.has('secure')) missing.push('Secure')
  if (!given.has('httponly')) missing.push('HttpOnly')
  // `None` lets it travel from every site, which is what the attribute is there to prevent.
  if (sameSite !== 'strict' && sameSite !== 'lax') missing.push('SameSite')
  if (!cookie.startsWith('__Host-')) missing.push('__Host-')
  return missing.length === 0 ? null : { cookie, missing }
}

/** Whether a browser forgets it at once. Max-Age goes before Expires (RFC 6265bis §5.7). */
function isOver(attributes: ReadonlyMap<string, string>, now: number): boolean {
  const age = attributes.get('max-age') ?? ''
  return /^-?\d+$/.test(age) ? Number(age) <= 0 : Date.parse(attributes.get('expires') ?? '') <= now
}
