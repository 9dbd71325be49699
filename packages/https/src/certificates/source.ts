import type { Clock } from './clock.ts'
import type { Material } from './chain.ts'

/** Where certificates come from. */
export type SourceKind = 'pem' | 'files' | 'function' | 'acme'

/**
 * What became of a pair that a source offered: `same` as the one that runs; `replaced` it; `passing`: it does not fit
 * together yet, nobody was told; `rejected`: it is bad, and was told.
 */
export type Offer = 'same' | 'replaced' | 'passing' | 'rejected'

/** What a source may use. */
export interface SourceContext {
  readonly clock: Clock
  /** A number from 0 to 1. */
  random(): number
  /**
   * Offers a pair; it is examined, and served if it is good.
   * @param patient a pair that does not fit together may still be half written: say nothing about it
   */
  offer(material: Material, patient?: boolean): Offer
  /** Tells that nothing could be fetched. */
  failed(reason: string): void
  /** Tells when the source will act next by itself; null for never. */
  planned(at: number | null): void
}

/** One place where certificates come from. */
export interface Source {
  readonly kind: SourceKind
  /** Fetches what can be fetched now, and begins to look for more. */
  start(context: SourceContext): Promise<void>
  /** The plaintext port answers from now on. */
  listening?(): void
  /** Stops looking. */
  stop(): void
}

/** A pair that never changes: it is there from the start. */
export const pemSource: Source = { kind: 'pem', async start() {}, stop() {} }

/** What a failure says, in one line without secrets. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown }
  const text = typeof message === 'string' && message !== '' ? message : String(code ?? error)
  return text.split('\n', 1)[0]?.slice(0, 300) ?? ''
}
