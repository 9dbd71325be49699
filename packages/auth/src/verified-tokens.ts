import type { SecurityIdentity } from 'fastify'

/** A token that was verified once: what has to be looked at again at every use. */
export interface VerifiedToken {
  readonly identity: SecurityIdentity
  /** Seconds since the epoch. */
  readonly expires: number
  /** Seconds since the epoch; 0 if the token names none. */
  readonly notBefore: number
}

/**
 * Verified tokens by the hash of the whole token: bounded, the one used longest ago goes first.
 * Only good tokens enter, so a stranger can neither fill it nor push others out.
 */
export class VerifiedTokens {
  readonly #limit: number
  readonly #entries = new Map<string, VerifiedToken>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): VerifiedToken | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    // A Map iterates in order of insertion: what is used moves to the end.
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry
  }

  set(key: string, entry: VerifiedToken): void {
    if (this.#limit === 0) return
    if (this.#entries.size >= this.#limit && !this.#entries.has(key)) {
      const [oldest] = this.#entries.keys()
      if (oldest !== undefined) this.#entries.delete(oldest)
    }
    this.#entries.set(key, entry)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}
