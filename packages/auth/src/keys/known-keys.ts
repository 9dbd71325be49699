import type { PublishedKey } from './jwks-document.ts'

/** A key that may be taken away while tokens that it verified are remembered. */
export interface KnownKey extends PublishedKey {
  /** False once the issuer no longer publishes it. */
  readonly trusted: boolean
  /** Calls back when it is taken away. @returns a function that stops */
  watch(distrusted: () => void): () => void
}

interface Kept {
  readonly key: KnownKey
  takeAway(): void
}

/** The keys that an issuer published last. */
export class KnownKeys {
  #kept: readonly Kept[] = []

  /** The one key that a token can mean, if there is one. */
  find(id: string | undefined, algorithm: string): KnownKey | undefined {
    // A token without `kid` means the only key that fits. Two keys of one name are none: nobody tries them in turn.
    const fitting = this.#kept.filter(
      ({ key }) => (id === undefined || key.id === id) && (key.algorithms as readonly string[]).includes(algorithm),
    )
    return fitting.length === 1 ? fitting[0]?.key : undefined
  }

  /** A key that is still published stays the same object, so that what it verified stays verified. */
  replace(published: readonly PublishedKey[]): void {
    const before = this.#kept
    this.#kept = published.map((key) => before.find((other) => isSame(other.key, key)) ?? keep(key))
    for (const one of before) if (!this.#kept.includes(one)) one.takeAway()
  }
}

function keep(published: PublishedKey): Kept {
  const watching = new Set<() => void>()
  const key = {
    ...published,
    trusted: true,
    watch(distrusted: () => void) {
      watching.add(distrusted)
      return () => void watching.delete(distrusted)
    },
  }
  return {
    key,
    takeAway() {
      key.trusted = false
      for (const distrusted of watching) distrusted()
    },
  }
}

function isSame(one: PublishedKey, other: PublishedKey): boolean {
  return one.id === other.id && one.pem === other.pem && one.algorithms.join() === other.algorithms.join()
}
