import type { Clock } from '../clock.ts'

/** When a key was last used. */
export interface ApiKeyUse {
  readonly id: string
  /** Seconds since the epoch. */
  readonly usedAt: number
}

/** Told of the last uses of keys, in one batch a minute at most. */
export type RecordApiKeyUses = (uses: readonly ApiKeyUse[]) => void | Promise<void>

const MINUTE_MS = 60_000

/** Gathers the last use of each key and tells of it at most once a minute: a database is not written at every request. */
export class ApiKeyUses {
  readonly #pending = new Map<string, number>()
  readonly #clock: Clock
  readonly #record: RecordApiKeyUses
  readonly #onFailure: (error: unknown) => void
  #cancel: (() => void) | null = null

  constructor(clock: Clock, record: RecordApiKeyUses, onFailure: (error: unknown) => void) {
    this.#clock = clock
    this.#record = record
    this.#onFailure = onFailure
  }

  note(id: string): void {
    this.#pending.set(id, Math.floor(this.#clock.now() / 1000))
    this.#cancel ??= this.#clock.after(MINUTE_MS, () => void this.flush())
  }

  /** Tells of what has gathered. */
  async flush(): Promise<void> {
    this.#cancel?.()
    this.#cancel = null
    if (this.#pending.size === 0) return
    const uses = [...this.#pending].map(([id, usedAt]) => ({ id, usedAt }))
    this.#pending.clear()
    try {
      await this.#record(uses)
    } catch (error) {
      this.#onFailure(error)
    }
  }
}
