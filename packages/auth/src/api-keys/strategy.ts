import { timingSafeEqual } from 'node:crypto'
import type { SecurityIdentity } from 'fastify'
import { type ApiKeyEntry, apiKeyReader, type FindApiKey, hashApiKey, type Pepper } from './format.ts'
import { areNames, areScopes, identityOf, isName, isPlain, type Outcome, type Strategy } from '../identity.ts'
import { ask, type LookUp } from '../remote/look-up.ts'
import { RememberedLookUps } from '../remote/remembered-look-ups.ts'
import { isDate } from '../jwt/claims.ts'

/** What the API key strategy is made of. */
export interface ApiKeyParts extends LookUp {
  /** Header field, lower case. */
  readonly header: string
  readonly prefix: string
  readonly keys: readonly ApiKeyEntry[]
  readonly find: FindApiKey | undefined
  readonly pepper: Pepper | undefined
  /** Seconds for which what `find` said is remembered. */
  readonly cacheFor: number
  /** Told of every key that was admitted. */
  readonly onUse: ((id: string) => void) | undefined
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** One generation of a key. */
interface Generation {
  readonly hash: Buffer
  /** Seconds since the epoch. */
  readonly expires: number
  readonly identity: SecurityIdentity
}

type Found = readonly Generation[] | 'unavailable'

/** Keys that nobody knows are asked about again soon: somebody may just have made them. */
const ABSENT_MS = 5_000

/** A key of a known id and another secret asks again so often at most. */
const YOUNGEST_MS = 1_000

const LIMITS = { concurrent: 32, waiting: 1_000, remembered: 10_000 } as const

/** API keys in a header field of their own: never in the query, which ends up in logs and histories. */
export function apiKeyStrategy(parts: ApiKeyParts): Strategy {
  const { header, prefix, keys, find, pepper, cacheFor, onUse, now, ...lookUp } = parts
  const read = apiKeyReader(prefix)
  const known = new Map<string, Generation[]>()
  for (const entry of keys) known.set(entry.id, [...(known.get(entry.id) ?? []), generationOf(entry)])

  const lookUps =
    find === undefined
      ? undefined
      : new RememberedLookUps<Found>({
          ...LIMITS,
          ask: (id) =>
            ask(
              () => find(id),
              (value) => generationsOf(value, id),
              lookUp,
            ),
          keepFor: (found) =>
            found === 'unavailable' ? 0 : found.length > 0 ? cacheFor * 1000 : Math.min(cacheFor * 1000, ABSENT_MS),
          exists: (found) => found.length > 0,
          tooMany: 'unavailable',
          now,
          patienceMs: lookUp.timeoutMs,
        })

  function judge(found: Found, key: string): Outcome {
    if (found === 'unavailable') return found
    if (found.length === 0) return 'unknown'
    const hash = Buffer.from(hashApiKey(key, pepper), 'hex')
    for (const { hash: stored, expires, identity } of found) {
      if (!timingSafeEqual(stored, hash)) continue
      if (expires <= now() / 1000) return 'expired'
      onUse?.(identity.credentialId as string)
      return identity
    }
    return 'unknown'
  }

  return {
    scheme: 'api-key',
    find(fields) {
      const field = fields[header]
      return typeof field === 'string' ? field : null
    },
    verify(key, _security, manner) {
      const id = read(key)
      if (id === null) return 'malformed'
      const found = known.get(id) ?? lookUps?.get(id, id, manner) ?? []
      if (found instanceof Promise) return found.then((settled) => judge(settled, key))
      const outcome = judge(found, key)
      if (outcome !== 'unknown' || lookUps === undefined || found.length === 0 || known.has(id)) return outcome
      // What is remembered may be the generation before a rotation.
      const fresh = lookUps.again(id, id, YOUNGEST_MS, manner)
      return fresh instanceof Promise ? fresh.then((settled) => judge(settled, key)) : judge(fresh, key)
    },
  }
}

/** What `find` returned, read strictly: rows, results and errors are objects too. */
function generationsOf(value: unknown, id: string): readonly Generation[] {
  if (value === null || value === undefined) return []
  return (Array.isArray(value) ? value : [value]).map((entry: unknown) => {
    if (!isEntry(entry)) throw new TypeError('find returned neither null nor { id, hash, subject, … }')
    if (entry.id !== id) throw new TypeError('find returned the entry of another key')
    return generationOf(entry)
  })
}

function isEntry(value: unknown): value is ApiKeyEntry {
  if (typeof value !== 'object' || value === null) return false
  const { id, hash, subject, scopes, roles, expires, claims } = value as Partial<Record<keyof ApiKeyEntry, unknown>>
  return (
    isName(id) &&
    isName(subject) &&
    typeof hash === 'string' &&
    HASH.test(hash) &&
    (scopes === undefined || areScopes(scopes)) &&
    (roles === undefined || areNames(roles)) &&
    // A date, milliseconds, or text as drivers return big integers, would never be compared as meant.
    (expires === undefined || isDate(expires)) &&
    (claims === undefined || isPlain(claims))
  )
}

const HASH = /^[0-9a-f]{64}$/

function generationOf({ id, hash, subject, scopes, roles, claims, expires = Infinity }: ApiKeyEntry): Generation {
  return {
    hash: Buffer.from(hash, 'hex'),
    expires,
    identity: identityOf({ subject, scheme: 'api-key', scopes, roles, credentialId: id, claims }),
  }
}
