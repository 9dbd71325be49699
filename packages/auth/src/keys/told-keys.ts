import { readJwks } from './jwks-document.ts'
import type { Found } from './remote-keys.ts'
import { KnownKeys } from './known-keys.ts'
import type { Algorithm } from '../jwt/verification-key.ts'

/** What told keys are made of. */
export interface ToldKeysParts {
  /** Tells the JWK Set as JSON text: the same string for as long as it is the same set. */
  readonly tell: () => string
  /** Of one family. */
  readonly algorithms: readonly Algorithm[]
  /** Told why there are no keys. Called once until there are. */
  readonly onFailure: (error: unknown) => void
}

/**
 * The keys of an issuer in this process. It is asked at every use, remembered tokens included: a new key counts at once,
 * and one that is taken away counts no more.
 */
export class ToldKeys {
  readonly #parts: ToldKeysParts
  readonly #keys = new KnownKeys()
  #text: string | undefined
  #failed = false

  constructor(parts: ToldKeysParts) {
    this.#parts = parts
  }

  find(id: string | undefined, algorithm: string): Found {
    if (!this.#listen()) return 'unavailable'
    const known = this.#keys.find(id, algorithm)
    if (known === undefined) return 'unknown-key'
    const isTrusted = (): boolean => this.#listen() && known.trusted
    return {
      ...known,
      watch: (distrusted) => known.watch(distrusted),
      get trusted() {
        return isTrusted()
      },
    }
  }

  /** Whether the issuer has told its keys. */
  #listen(): boolean {
    try {
      const text = this.#parts.tell()
      if (typeof text === 'string' && text === this.#text) return true
      if (typeof text !== 'string') throw new TypeError('jwks must return the JWK Set as JSON text')
      this.#keys.replace(readJwks(Buffer.from(text), this.#parts.algorithms))
      this.#text = text
      this.#failed = false
      return true
    } catch (error) {
      this.#keys.replace([])
      this.#text = undefined
      if (!this.#failed) this.#parts.onFailure(error)
      this.#failed = true
      return false
    }
  }
}
