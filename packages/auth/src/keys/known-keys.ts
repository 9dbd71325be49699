import type { PublishedKey } from './jwks-document.ts'

/** A key that may be taken away while tokens that it verified are remembered. */
export interface KnownKey extends PublishedKey {
  /** False once the issuer no longer publishes it. */
  trusted: boolean
}

/** The keys that an issuer published last. */
export class KnownKeys {
  #keys: readonly KnownKey[] = []

  /** The one key that a token can mean, if there is one. */
  find(id: string | undefined, algorithm: string): KnownKey | undefined {
    // A token without `kid` means the only key that fits. Two keys of one name are none: nobody tries them in turn.
    const fitting = this.#keys.filter(
      (key) => (id === undefined || key.id === id) && (key.algorithms as readonly string[]).includes(algorithm),
    )
    return fitting.length === 1 ? fitting[0] : undefined
  }

  /** A key that is still published stays the same object, so that what it verified stays verified. */
  replace(published: readonly PublishedKey[]): void {
    const before = this.#keys
    this.#keys = published.map((key) => before.find((other) => isSame(other, key)) ?? { ...key, trusted: true })
    for (const key of before) if (!this.#keys.includes(key)) key.trusted = false
  }
}

function isSame(one: PublishedKey, other: PublishedKey): boolean {
  return one.id === other.id && one.pem === other.pem && one.algorithms.join() === other.algorithms.join()
}
