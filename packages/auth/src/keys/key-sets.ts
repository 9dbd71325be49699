import type { RemoteKeys } from './remote-keys.ts'

/** Whom the fetching of a key set reports to. */
export interface KeySetReport {
  readonly onFailure: (issuer: string, error: unknown) => void
  readonly onRecovery: (issuer: string) => void
}

/** A key set, taken. */
export interface TakenKeySet {
  readonly keys: RemoteKeys
  /** Whether it was opened for this taker: nothing has been fetched yet. */
  readonly isNew: boolean
  /** The taker needs it no longer; whoever is last ends the fetching. */
  readonly release: () => void
}

interface Kept {
  readonly keys: RemoteKeys
  report: KeySetReport
  users: number
}

/**
 * The fetched keys of issuers, apart from the app that verifies with them: an app that replaces another knows at once
 * what the other knew, even while an issuer is away.
 */
export class KeySets {
  readonly #kept = new Map<string, Kept>()

  /**
   * The key set of that name; two of one name are fetched in the same way.
   * @param report from now on instead of the earlier taker's
   * @param open makes it, where nobody has it
   */
  take(name: string, report: KeySetReport, open: (report: KeySetReport) => RemoteKeys): TakenKeySet {
    let kept = this.#kept.get(name)
    const isNew = kept === undefined
    if (kept === undefined) {
      const made: Kept = {
        keys: open({
          onFailure: (issuer, error) => made.report.onFailure(issuer, error),
          onRecovery: (issuer) => made.report.onRecovery(issuer),
        }),
        report,
        users: 0,
      }
      this.#kept.set(name, (kept = made))
    }
    const { keys } = kept
    kept.report = report
    kept.users++
    let released = false
    const release = (): void => {
      const one = this.#kept.get(name)
      if (released || one === undefined) return
      released = true
      if (--one.users > 0) return
      this.#kept.delete(name)
      keys.close()
    }
    return { keys, isNew, release }
  }
}

/**
 * Opens a place for fetched keys that outlives an app: give it to each app that replaces another, as `jwt.keySets`.
 * @example await app.register(auth, { jwt: { issuer, audience, jwks, keySets: openKeySets() } })
 */
export function openKeySets(): KeySets {
  return new KeySets()
}
