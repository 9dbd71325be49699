import { createHash } from 'node:crypto'

/** A credential that crossed the network in the clear: enough to find it, not enough to use it. */
export interface ExposedCredential {
  /** The field's name, `?name` for a query parameter, or `user-info`. */
  readonly field: string
  /** The authentication scheme in lower case, for Authorization fields. */
  readonly scheme?: string
  /** SHA-256 of the credential, hexadecimal. Absent where passwords are inside: they can be guessed from a hash. */
  readonly sha256?: string
}

/** Where credentials are looked for; names in lower case. */
export interface CredentialPlaces {
  readonly fields: readonly string[]
  readonly parameters: ReadonlySet<string>
}

/** Header fields, names in lower case. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>

// RFC 9110 §11.4: credentials = auth-scheme [ 1*SP ( token68 / #auth-param ) ]
const SCHEME = /^([A-Za-z][A-Za-z0-9-]{0,31}) +(.+)$/s
const GUESSABLE = new Set(['basic', 'digest'])

const sha256 = (text: string): string => createHash('sha256').update(text, 'latin1').digest('hex')

/**
 * Every credential in a request, at most one entry a place.
 * @param fields the request's header fields, names in lower case
 * @param target the request target as it came
 */
export function exposedCredentials(places: CredentialPlaces, fields: Fields, target: string): ExposedCredential[] {
  const exposed: ExposedCredential[] = []
  for (const field of places.fields) {
    const value = fields[field]
    if (value === undefined || value.length === 0) continue
    const text = typeof value === 'string' ? value : value.join(', ')
    const [, scheme, credential] = field.endsWith('authorization') ? (SCHEME.exec(text) ?? []) : []
    if (scheme === undefined || credential === undefined) exposed.push({ field, sha256: sha256(text) })
    else if (GUESSABLE.has(scheme.toLowerCase())) exposed.push({ field, scheme: scheme.toLowerCase() })
    else exposed.push({ field, scheme: scheme.toLowerCase(), sha256: sha256(credential.trim()) })
  }
  // RFC 9110 §4.2.4: user information in an absolute-form target is a password in disguise.
  if (/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*@/i.test(target)) exposed.push({ field: 'user-info' })
  const query = target.indexOf('?')
  if (query !== -1 && places.parameters.size > 0) {
    const seen = new Set<string>()
    for (const [name, value] of new URLSearchParams(target.slice(query + 1))) {
      const known = name.toLowerCase()
      if (value === '' || seen.has(known) || !places.parameters.has(known)) continue
      seen.add(known)
      exposed.push({ field: `?${known}`, sha256: sha256(value) })
    }
  }
  return exposed
}
