import { createHmac } from 'node:crypto'
import type { ExposedCredential, Fields } from './credential.ts'

/** How many credentials are remembered; whoever sends more than that in the clear has the oldest told again. */
const REMEMBERED = 10_000

/**
 * Tells which of a request's exposed credentials nobody was told of yet: a client that leaks goes on leaking, and one
 * report is enough to revoke a credential.
 * @param secret keys the digests that are remembered of what is not hashed in events: passwords can be guessed
 */
export function reportOnce(
  secret: Buffer,
  remembered: number = REMEMBERED,
): (exposed: readonly ExposedCredential[], fields: Fields, target: string) => readonly ExposedCredential[] {
  const told = new Set<string>()
  const isNew = (identity: string): boolean => {
    if (told.has(identity)) return false
    if (told.size >= remembered) told.delete(told.values().next().value as string)
    told.add(identity)
    return true
  }
  const digest = (text: string): string => createHmac('sha256', secret).update(text, 'latin1').digest('hex')
  return (exposed, fields, target) =>
    exposed.filter(({ field, sha256 }) => {
      if (sha256 !== undefined) return isNew(sha256)
      return isNew(digest(String(fields[field] ?? /^[^/]*\/\/[^/?#]*@/.exec(target))))
    })
}
