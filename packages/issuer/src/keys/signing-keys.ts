import { errors } from '../errors.ts'
import {
  completed,
  createKeyPair,
  isDue,
  keyIn,
  type MakeKey,
  type PublicJwk,
  pruned,
  publicJwk,
  publishedFor,
  replaced,
  type RingRules,
  rotated,
} from './key-ring.ts'
import { within } from '../stores/patience.ts'
import type { KeyStore, StoredKey } from '../stores/store.ts'
import type { Wrapping } from './wrapping.ts'

/** Signs claims with one key. */
export interface Signer {
  sign(claims: Readonly<Record<string, unknown>>): string
  close(): Promise<void>
}

/** Opens a signer: @fastify/jwt on an instance of its own. */
export type OpenSigner = (
  privateKey: string,
  key: Pick<StoredKey, 'kid' | 'algorithm' | 'publicKey'>,
) => Promise<Signer>

/** What the ring is made of. */
export interface SigningKeysParts {
  readonly store: KeyStore
  readonly rules: RingRules
  readonly wrapping: Wrapping
  readonly openSigner: OpenSigner
  /** Seconds since the epoch. */
  readonly now: () => number
  /** Told when another key signs. */
  readonly onRotated: (kid: string) => void
}

/** A key as it may be shown. */
export interface KeyDescription {
  readonly kid: string
  readonly algorithm: StoredKey['algorithm']
  readonly state: StoredKey['state']
  /** Whole seconds since the epoch. */
  readonly createdAt: number
  /** When it entered its state. */
  readonly changedAt: number
}

/** The ring of this process: signs with the current key, publishes all of them, and shows no private one. */
export class SigningKeys {
  readonly #parts: SigningKeysParts
  #keys: readonly StoredKey[] = []
  #last: Promise<unknown> = Promise.resolve()
  #jwks = ''
  #signer: { readonly kid: string; readonly signer: Signer } | undefined

  constructor(parts: SigningKeysParts) {
    this.#parts = parts
  }

  /** Reads the ring, and makes what it lacks. @throws PTC_ISSUER_KEYS_UNREADABLE */
  open(): Promise<void> {
    return this.#inTurn(async () => {
      const { store, now } = this.#parts
      const keys = await store.read()
      return isWhole(keys) ? keys : store.change((found) => completed(found, now(), this.#make))
    })
  }

  /** Reads what other processes have changed, rotates if it is time, and drops keys whose tokens have all expired. */
  turn(): Promise<void> {
    return this.#inTurn(async () => {
      const { store, rules, now } = this.#parts
      const keys = await store.read()
      const stale = isDue(keys, now(), rules) || pruned(keys, now(), rules).length < keys.length
      if (!stale && isWhole(keys)) return keys
      // Looked at again under the lock: another process may have been first.
      return store.change((found) => {
        const kept = pruned(completed(found, now(), this.#make), now(), rules)
        return isDue(kept, now(), rules) ? rotated(kept, now(), this.#make) : kept
      })
    })
  }

  /**
   * Lets the next key sign.
   * @param compromised all keys are thrown away and new ones sign at once, published or not
   * @throws PTC_ISSUER_KEY_UNPUBLISHED
   */
  rotate(compromised: boolean): Promise<void> {
    const { store, rules, now } = this.#parts
    const decide = (found: readonly StoredKey[]): readonly StoredKey[] => {
      if (compromised) return replaced(now(), this.#make)
      const known = publishedFor(found, now())
      if (known < rules.publishAhead) throw new errors.PTC_ISSUER_KEY_UNPUBLISHED(Math.floor(known), rules.publishAhead)
      return pruned(rotated(found, now(), this.#make), now(), rules)
    }
    return this.#inTurn(() => store.change(decide))
  }

  sign(claims: Readonly<Record<string, unknown>>): string {
    return (this.#signer as { signer: Signer }).signer.sign(claims)
  }

  /** The JWK Set (RFC 7517 §5), as text. */
  get jwks(): string {
    return this.#jwks
  }

  async close(): Promise<void> {
    await this.#signer?.signer.close()
  }

  /** What may be shown: never a private key, wrapped or not. */
  toJSON(): readonly KeyDescription[] {
    return this.#keys.map(({ kid, algorithm, state, createdAt, changedAt }) => ({
      kid,
      algorithm,
      state,
      createdAt: Math.floor(createdAt),
      changedAt: Math.floor(changedAt),
    }))
  }

  readonly #make: MakeKey = (now) => {
    const { rules, wrapping } = this.#parts
    const { publicKey, privateKey } = createKeyPair(rules.algorithm)
    const { kid } = publicJwk(publicKey, rules.algorithm)
    return {
      kid,
      algorithm: rules.algorithm,
      state: 'next',
      publicKey: publicKey.export({ type: 'spki', format: 'pem' }) as string,
      privateKey: wrapping.wrap(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, kid),
      createdAt: now,
      changedAt: now,
    }
  }

  /** One change after another: an older ring never replaces a newer one. One that the store never answers holds up no other. */
  #inTurn(act: () => Promise<readonly StoredKey[]>): Promise<void> {
    const done = this.#last.then(async () => this.#adopt(await within(act())))
    this.#last = done.catch(() => {})
    return done
  }

  async #adopt(keys: readonly StoredKey[]): Promise<void> {
    const current = keyIn(keys, 'current') as StoredKey
    const before = this.#signer
    if (before?.kid !== current.kid) {
      const signer = await this.#parts.openSigner(this.#unwrap(current), current)
      this.#signer = { kid: current.kid, signer }
      if (before !== undefined) {
        this.#parts.onRotated(current.kid)
        await before.signer.close()
      }
    }
    this.#keys = keys
    const jwks: { keys: PublicJwk[] } = {
      keys: keys.map(({ publicKey, algorithm }) => publicJwk(publicKey, algorithm)),
    }
    this.#jwks = JSON.stringify(jwks)
  }

  #unwrap({ privateKey, kid }: StoredKey): string {
    try {
      return this.#parts.wrapping.unwrap(privateKey ?? '', kid)
    } catch {
      throw new errors.PTC_ISSUER_KEYS_UNREADABLE()
    }
  }
}

/** Whether a key signs and another is to come. */
function isWhole(keys: readonly StoredKey[]): boolean {
  return keyIn(keys, 'current') !== undefined && keyIn(keys, 'next') !== undefined
}
