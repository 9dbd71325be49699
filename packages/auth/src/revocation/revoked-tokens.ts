import { isName } from '../identity.ts'
import type { RevocationList } from '../jwt/strategy.ts'
import { type Revocation, Revocations } from './revocations.ts'

/** What is revoked, as one registration judges tokens by it. */
export class RevokedTokens implements RevocationList {
  readonly maxTokenAge: number
  #state: 'complete' | 'incomplete' | 'given-up' = 'complete'
  readonly #givingUp = new Set<() => void>()
  /** Seconds. */
  readonly #now: () => number
  readonly #memory: Revocations

  constructor(maxTokenAge: number, now: () => number, memory: Revocations = new Revocations()) {
    this.maxTokenAge = maxTokenAge
    this.#now = now
    this.#memory = memory
    memory.lastFor(maxTokenAge)
  }

  get certain(): boolean {
    return this.#state === 'complete'
  }

  /** Nothing is missing. */
  complete(): void {
    this.#state = 'complete'
  }

  /** Something may be missing: no token is accepted. What is open stays open for now. */
  interrupt(): void {
    if (this.#state === 'complete') this.#state = 'incomplete'
  }

  /** Something has been missing for too long: what is open ends. */
  giveUp(): void {
    this.#state = 'given-up'
    for (const act of this.#givingUp) act()
  }

  get version(): number {
    return this.#memory.version
  }

  /** Seconds for which a revocation is kept. */
  get keptFor(): number {
    return this.#memory.longest
  }

  get size(): number {
    return this.#memory.size
  }

  add(given: Revocation): void {
    this.#memory.add(given, this.#now())
  }

  covers(subject: string, { iss, jti, iat }: Readonly<Record<string, unknown>>): boolean {
    if (this.#memory.size === 0) return false
    const issuer = iss as string
    if (jti !== undefined && this.#memory.find('token', issuer, jti as string) !== undefined) return true
    const all = this.#memory.find('subject', issuer, subject)
    return all?.kind === 'subject' && (iat as number) < all.before
  }

  watch(
    subject: string,
    claims: Readonly<Record<string, unknown>>,
    told: (why: 'revoked' | 'unavailable') => void,
  ): () => void {
    const { iss, jti } = claims as { readonly iss: string; readonly jti?: string }
    const look = (): void => {
      if (this.covers(subject, claims)) told('revoked')
    }
    const giveUp = (): void => told('unavailable')
    const stops = [this.#memory.watch('subject', iss, subject, look)]
    if (jti !== undefined) stops.push(this.#memory.watch('token', iss, jti, look))
    this.#givingUp.add(giveUp)
    look()
    if (this.#state === 'given-up') giveUp()
    return () => {
      for (const stop of stops) stop()
      this.#givingUp.delete(giveUp)
    }
  }

  /** All that is not over. */
  all(): readonly Revocation[] {
    return this.#memory.all(this.#now())
  }
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
