import { createPublicKey, generateKeyPairSync, hash, type KeyObject } from 'node:crypto'
import type { StoredKey } from '../stores/store.ts'

/** How access tokens are signed. */
export type SigningAlgorithm = StoredKey['algorithm']

/** When keys move on, in seconds. */
export interface RingRules {
  readonly algorithm: SigningAlgorithm
  /** The current key signs for at least this long. */
  readonly rotateAfter: number
  /** A key signs no sooner than this after it was published. */
  readonly publishAhead: number
  /** A retired key stays published for this long: its last token has expired by then. */
  readonly retireFor: number
}

/** A fresh pair. */
export interface KeyPair {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

export function createKeyPair(algorithm: SigningAlgorithm): KeyPair {
  return algorithm === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

/** A key as verifiers see it (RFC 7517). */
export interface PublicJwk {
  readonly kty: string
  readonly crv: string
  readonly x: string
  readonly y?: string
  readonly kid: string
  readonly alg: SigningAlgorithm
  readonly use: 'sig'
}

/** The public members alone: nothing that a private key has could slip in. */
export function publicJwk(publicKey: string | KeyObject, alg: SigningAlgorithm): PublicJwk {
  const { kty, crv, x, y } = (typeof publicKey === 'string' ? createPublicKey(publicKey) : publicKey).export({
    format: 'jwk',
  }) as { kty: string; crv: string; x: string; y?: string }
  const required = y === undefined ? { crv, kty, x } : { crv, kty, x, y }
  // RFC 7638 §3.2: the required members in lexicographic order.
  return { ...required, kid: hash('sha256', JSON.stringify(required), 'base64url'), alg, use: 'sig' }
}

/** Makes a key that the ring can take in. `wrap` encrypts the private half. */
export type MakeKey = (now: number) => StoredKey

/** The ring's keys in a state. */
export const keyIn = (keys: readonly StoredKey[], state: 'next' | 'current'): StoredKey | undefined =>
  keys.find((key) => key.state === state)

/** A ring that has a current and a next key: what is missing is made. */
export function completed(keys: readonly StoredKey[], now: number, make: MakeKey): readonly StoredKey[] {
  const current = keyIn(keys, 'current') ?? { ...make(now), state: 'current' as const }
  const next = keyIn(keys, 'next') ?? make(now)
  return [current, next, ...keys.filter(({ state }) => state === 'retired')]
}

/** The next key signs, the current one retires and loses its private half, and a new next one is published. */
export function rotated(keys: readonly StoredKey[], now: number, make: MakeKey): readonly StoredKey[] {
  const [current, next, ...retired] = completed(keys, now, make) as [StoredKey, StoredKey, ...StoredKey[]]
  return [
    { ...next, state: 'current', changedAt: now },
    make(now),
    { ...current, state: 'retired', privateKey: null, changedAt: now },
    ...retired,
  ]
}

/** A ring of new keys alone: tokens signed by the old ones are refused as soon as verifiers have fetched it. */
export function replaced(now: number, make: MakeKey): readonly StoredKey[] {
  return completed([], now, make)
}

/** Without the retired keys whose last token has expired. */
export function pruned(keys: readonly StoredKey[], now: number, { retireFor }: RingRules): readonly StoredKey[] {
  return keys.filter(({ state, changedAt }) => state !== 'retired' || now < changedAt + retireFor)
}

/** Seconds that the next key has been published. */
export function publishedFor(keys: readonly StoredKey[], now: number): number {
  return now - (keyIn(keys, 'next')?.createdAt ?? now)
}

/** Whether the current key is old enough to go, and the next one known well enough to come. */
export function isDue(keys: readonly StoredKey[], now: number, rules: RingRules): boolean {
  const current = keyIn(keys, 'current')
  if (current === undefined) return false
  return now >= current.changedAt + rules.rotateAfter && publishedFor(keys, now) >= rules.publishAhead
}
