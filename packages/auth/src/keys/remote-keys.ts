import type { Clock } from '../clock.ts'
import { type PublishedKey, readJwks } from './jwks-document.ts'
import { type KnownKey, KnownKeys } from './known-keys.ts'
import type { RemoteAnswer } from '../remote/json.ts'
import type { Algorithm } from '../jwt/verification-key.ts'

/** What looking for a key yields: the key, or why there is none. */
export type Found = KnownKey | 'unknown-key' | 'unavailable'

/** What remote keys are made of. */
export interface RemoteKeysParts {
  /** Fetches the JWK Set, if it is another than the one with this ETag. Bounded in time and size. */
  readonly fetch: (etag: string | undefined) => Promise<RemoteAnswer>
  /** Of one family. */
  readonly algorithms: readonly Algorithm[]
  readonly clock: Clock
  /** Seconds; what the issuer says counts only below it. */
  readonly maxAge: number
  /** Seconds for which known keys outlive the last good answer. */
  readonly maxStale: number
  /** Told why a fetch failed. */
  readonly onFailure: (error: unknown) => void
  /** Told that a fetch went well after one that had failed. */
  readonly onRecovery: () => void
}

/** An issuer may ask for less than this, and gets it not: its keys do not change every second. */
const LEAST_AGE = 60_000

/** Between two fetches that strangers can cause: at most two fit into five seconds, and no rotation waits longer. */
const SPACING = 2_600

/** Waits after failures, doubling: for the timer, and for fetches that strangers cause. */
const RETRY = { first: 5_000, last: 60_000, asked: 30_000 } as const

/** Tokens that wait for one fetch at most: a flood while the issuer hangs must not fill the memory. */
const MAX_WAITING = 1_000

/** The keys of an issuer, fetched and kept up to date. A key that is known is found without waiting. */
export class RemoteKeys {
  readonly #parts: RemoteKeysParts
  readonly #keys = new KnownKeys()
  #etag: string | undefined
  /** Milliseconds; -Infinity: never. */
  #loadedAt = -Infinity
  #failures = 0
  #nextAsked = -Infinity
  #flight: Promise<void> | undefined
  #callOff: () => void = () => {}
  #waiting = 0
  #closed = false

  constructor(parts: RemoteKeysParts) {
    this.#parts = parts
  }

  /** Fetches for the first time; rejects if that fails, and goes on trying nevertheless. */
  async start(): Promise<void> {
    let failed: unknown
    await this.#refresh((error) => (failed = error))
    if (failed instanceof Error) throw failed
  }

  /** Stops fetching. */
  close(): void {
    this.#closed = true
    this.#callOff()
  }

  /**
   * The key of a token.
   * @param mayAsk false: an unknown key is not worth a fetch (the token has expired anyway)
   */
  find(id: string | undefined, algorithm: string, mayAsk: boolean): Found | Promise<Found> {
    const known = this.#keys.find(id, algorithm)
    if (known !== undefined) return known
    if (!mayAsk) return this.#unfound()
    if (this.#flight === undefined) {
      if (this.#closed || this.#parts.clock.now() < this.#nextAsked) return this.#unfound()
      void this.#refresh()
    }
    if (this.#waiting >= MAX_WAITING) return 'unavailable'
    this.#waiting++
    return (this.#flight ?? Promise.resolve()).then(() => {
      this.#waiting--
      return this.#keys.find(id, algorithm) ?? this.#unfound()
    })
  }

  /** Nobody can tell a new key from a bogus one while the issuer does not answer. */
  #unfound(): 'unknown-key' | 'unavailable' {
    return this.#failures > 0 || this.#loadedAt === -Infinity ? 'unavailable' : 'unknown-key'
  }

  /** Single flight: whoever comes while one is under way waits for that one. Never rejects. */
  #refresh(onFailure: (error: unknown) => void = this.#parts.onFailure): Promise<void> {
    this.#callOff()
    this.#nextAsked = this.#parts.clock.now() + SPACING
    this.#flight ??= this.#load(onFailure).finally(() => (this.#flight = undefined))
    return this.#flight
  }

  async #load(onFailure: (error: unknown) => void): Promise<void> {
    const { clock, fetch, algorithms, maxAge } = this.#parts
    try {
      const { body, etag, maxAge: stated } = await fetch(this.#etag)
      const published = body === null ? null : readJwks(body, algorithms)
      this.#etag = etag ?? (body === null ? this.#etag : undefined)
      this.#loadedAt = clock.now()
      if (this.#failures > 0) this.#parts.onRecovery()
      this.#failures = 0
      if (published !== null) this.#replace(published)
      // Early enough that an answer is there before the keys have reached their age.
      const age = Math.max(LEAST_AGE, Math.min(maxAge, stated ?? maxAge) * 1000)
      this.#schedule(age - 10_000)
    } catch (error) {
      this.#failures++
      const doubled = 2 ** Math.min(this.#failures - 1, 10)
      this.#schedule(Math.min(RETRY.first * doubled, RETRY.last))
      this.#nextAsked = clock.now() + Math.min(SPACING * doubled, RETRY.asked)
      if (clock.now() - this.#loadedAt > (this.#parts.maxStale + maxAge) * 1000) this.#replace([])
      onFailure(error)
    }
  }

  #replace(published: readonly PublishedKey[]): void {
    this.#keys.replace(published)
    if (published.length === 0) this.#etag = undefined
  }

  #schedule(milliseconds: number): void {
    if (!this.#closed) this.#callOff = this.#parts.clock.after(milliseconds, () => void this.#refresh())
  }
}
