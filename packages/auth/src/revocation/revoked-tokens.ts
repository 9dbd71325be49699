import { isName } from '../identity.ts'
import type { RevocationList } from '../jwt/strategy.ts'

/** One token, or all tokens of a subject that were issued before a time. Times in seconds since the epoch. */
export type Revocation =
  | { readonly kind: 'token'; readonly issuer: string; readonly id: string; readonly expires: number }
  | {
      readonly kind: 'subject'
      readonly issuer: string
      readonly id: string
      readonly before: number
      readonly expires: number
    }

/** Between two looks for revocations that are over, in seconds. */
const SWEEP = 60

/**
 * What is revoked, in the memory of this process. A revocation is forgotten only when every token that it covers has
 * expired: it is never withdrawn.
 */
export class RevokedTokens implements RevocationList {
  readonly maxTokenAge: number
  certain = true
  version = 0
  /** Seconds. */
  readonly #now: () => number
  readonly #held = new Map<string, Revocation>()
  #swept = 0

  constructor(maxTokenAge: number, now: () => number) {
    this.maxTokenAge = maxTokenAge
    this.#now = now
  }

  get size(): number {
    return this.#held.size
  }

  /** Adds a revocation, or widens the one that is there. */
  add(given: Revocation): void {
    const now = this.#now()
    if (given.expires <= now) return
    const key = keyOf(given.kind, given.issuer, given.id)
    const known = this.#held.get(key)
    const merged = known === undefined ? given : widest(known, given)
    if (merged === known) return
    this.#held.set(key, merged)
    this.version++
    if (now - this.#swept >= SWEEP) this.#sweep(now)
  }

  covers(subject: string, { iss, jti, iat }: Readonly<Record<string, unknown>>): boolean {
    if (this.#held.size === 0) return false
    const issuer = iss as string
    if (jti !== undefined && this.#held.has(keyOf('token', issuer, jti as string))) return true
    const all = this.#held.get(keyOf('subject', issuer, subject))
    return all?.kind === 'subject' && (iat as number) < all.before
  }

  /** All that is not over. */
  all(): readonly Revocation[] {
    this.#sweep(this.#now())
    return [...this.#held.values()]
  }

  #sweep(now: number): void {
    this.#swept = now
    for (const [key, { expires }] of this.#held) if (expires <= now) this.#held.delete(key)
  }
}

/** Names hold no control characters. */
function keyOf(kind: Revocation['kind'], issuer: string, id: string): string {
  return `${kind}\n${issuer}\n${id}`
}

function widest(known: Revocation, given: Revocation): Revocation {
  const expires = Math.max(known.expires, given.expires)
  if (known.kind === 'token' || given.kind === 'token') return expires === known.expires ? known : { ...known, expires }
  const before = Math.max(known.before, given.before)
  return before === known.before && expires === known.expires ? known : { ...known, before, expires }
}

/** A revocation as a member of the set in Redis; its end is the member's score. */
export function memberOf(revocation: Revocation): string {
  const { kind, issuer, id } = revocation
  return JSON.stringify(kind === 'token' ? ['t', issuer, id] : ['s', issuer, id, revocation.before])
}

/** Reads what is in Redis; null for what is none of ours. */
export function readMember(member: string, expires: number): Revocation | null {
  if (!Number.isSafeInteger(expires)) return null
  let parts: unknown
  try {
    parts = JSON.parse(member)
  } catch {
    return null
  }
  if (!Array.isArray(parts)) return null
  const [kind, issuer, id, before] = parts as unknown[]
  if (typeof issuer !== 'string' || !isName(id)) return null
  if (kind === 't') return { kind: 'token', issuer, id, expires }
  if (kind === 's' && Number.isSafeInteger(before))
    return { kind: 'subject', issuer, id, before: before as number, expires }
  return null
}
