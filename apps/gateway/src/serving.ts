import type { RevokedSubject, RevokedToken } from '@portcullis/auth'
import type { Config } from './config.ts'

/** Where clients come in; null: no such port. */
export interface Ports {
  readonly public: number
  readonly plaintext: number | null
}

/** A token that is refused from now on, or all of a subject. */
export type Revoked = RevokedToken | RevokedSubject

/** What answers clients: this process, or its workers. */
export interface Serving {
  readonly ports: Ports
  /** Whether every process has, of every upstream, a target left. */
  isReady(): Promise<boolean>
  /** In the text format of Prometheus. */
  metrics(): Promise<string>
  /** Answers by another reading of the file from now on; if it cannot be, everything stays as it is. */
  replace(next: Config): Promise<void>
  /** Refuses tokens from now on, by later readings of the file too. */
  revoke(revoked: Revoked): Promise<void>
  /** Says to clients, with each answer, that they should go elsewhere; still takes what comes. */
  leave(): Promise<void>
  /** Takes nothing more, lets what is under way end, and ends. */
  close(): Promise<void>
}
