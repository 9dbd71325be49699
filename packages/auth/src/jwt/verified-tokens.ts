import type { SecurityIdentity } from 'fastify'
import type { Voucher } from '../keys/sources.ts'

/** A token that was verified once: what has to be looked at again at every use. */
export interface VerifiedToken {
  readonly identity: SecurityIdentity
  /** The key that verified it. */
  readonly voucher: Voucher
  /** Seconds since the epoch. */
  readonly expires: number
  /** Seconds since the epoch; 0 if the token names none. */
  readonly notBefore: number
  /** State of the revocations that it was last compared with. */
  compared: number
}

interface Place {
  readonly key: string
  token: VerifiedToken
  /** Whether it was asked for since the hand last passed. */
  used: boolean
  /** Where it is in the ring. */
  at: number
}

/**
 * Verified tokens by the hash of the whole token, bounded. Only good tokens enter, so a stranger can neither fill it
 * nor push others out.
 *
 * Full, it forgets a token that was not asked for lately (second chance, "clock"): a hit writes a flag and moves
 * nothing, where a list by last use would change at every request.
 */
export class VerifiedTokens {
  readonly #limit: number
  readonly #places = new Map<string, Place>()
  readonly #ring: Place[] = []
  #hand = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#places.size
  }

  get(key: string): VerifiedToken | undefined {
    const place = this.#places.get(key)
    if (place === undefined) return undefined
    if (!place.used) place.used = true
    return place.token
  }

  set(key: string, token: VerifiedToken): void {
    if (this.#limit === 0) return
    const known = this.#places.get(key)
    if (known !== undefined) {
      known.token = token
      return
    }
    const place = { key, token, used: false, at: this.#ring.length }
    if (place.at === this.#limit) {
      place.at = this.#unused()
      this.#places.delete((this.#ring[place.at] as Place).key)
    }
    this.#ring[place.at] = place
    this.#places.set(key, place)
  }

  delete(key: string): void {
    const place = this.#places.get(key)
    if (place === undefined) return
    this.#places.delete(key)
    const last = this.#ring.pop() as Place
    if (last === place) return
    // The last one closes the gap.
    last.at = place.at
    this.#ring[place.at] = last
  }

  /** The first place that was not used since the hand last passed it; whoever was, is passed over once. */
  #unused(): number {
    for (;;) {
      const at = this.#hand < this.#ring.length ? this.#hand : 0
      const place = this.#ring[at] as Place
      this.#hand = at + 1
      if (!place.used) return at
      place.used = false
    }
  }
}
