import type { Finding } from '@portcullis/kernel'
import type { IssuerOptions, JwksOptions, KeysOptions, RefreshTokenOptions } from './options.ts'
import { exampleSecret, exampleStore } from './options-schema.ts'
import type { PasswordHashOptions } from './passwords/options.ts'

/** The least that OWASP's Password Storage Cheat Sheet recommends for Argon2id: KiB by passes, with one lane. */
const LEAST: readonly (readonly [passes: number, memoryKiB: number])[] = [
  [1, 47_104],
  [2, 19_456],
  [3, 12_288],
  [4, 9_216],
  [5, 7_168],
]

/** The rules between options that a schema cannot say. */
export function check(options: Readonly<IssuerOptions>): Finding[] {
  const { refreshToken, keys, jwks, password } = options as Required<IssuerOptions>
  return [
    ...checkLifetimes(refreshToken as Required<RefreshTokenOptions>, options.accessTokenLifetime as number),
    ...checkKeys(keys as Required<KeysOptions>, jwks as Required<JwksOptions>),
    ...checkPassword(password as Required<PasswordHashOptions>),
    ...checkStore(options),
  ]
}

function replace(at: string, rule: string, message: string, value: unknown): Finding {
  return { at, rule, message, fix: [{ op: 'replace', path: at, value }] }
}

function checkLifetimes({ idle, absolute, grace }: Required<RefreshTokenOptions>, lifetime: number): Finding[] {
  if (grace > lifetime / 2) {
    // Racers share one access token: the last of them gets what is left of it.
    const message = `is more than half of accessTokenLifetime (${lifetime}), so racers get tokens that hardly live; write grace: ${Math.floor(lifetime / 2)}`
    return [replace('/refreshToken/grace', 'grace-beyond-lifetime', message, Math.floor(lifetime / 2))]
  }
  if (idle <= absolute) return []
  const message = `is longer than absolute (${absolute}), so it never ends a session; write idle: ${absolute}`
  return [replace('/refreshToken/idle', 'idle-beyond-absolute', message, absolute)]
}

function checkKeys(
  { rotateAfter, publishAhead, reload }: Required<KeysOptions>,
  { maxAge }: Required<JwksOptions>,
): Finding[] {
  const least = maxAge + reload
  if (publishAhead < least) {
    const message = `lets a key sign while caches and other processes do not know it yet; write publishAhead: ${least}`
    return [replace('/keys/publishAhead', 'published-too-late', message, least)]
  }
  if (rotateAfter >= publishAhead) return []
  const message = `is shorter than publishAhead (${publishAhead}); write rotateAfter: ${publishAhead}`
  return [replace('/keys/rotateAfter', 'rotated-too-early', message, publishAhead)]
}

function checkPassword(password: Required<PasswordHashOptions>): Finding[] {
  const { memoryKiB, passes, lanes, dangerouslyCheapHashes } = password
  if (memoryKiB < 8 * lanes) {
    // RFC 9106 §3.1: at least eight blocks a lane.
    const message = `is less than 8 KiB a lane; write memoryKiB: ${8 * lanes}`
    return [replace('/password/memoryKiB', 'memory-below-lanes', message, 8 * lanes)]
  }
  if (dangerouslyCheapHashes) return []
  const [, least] = LEAST[Math.min(passes, LEAST.length) - 1] as (typeof LEAST)[number]
  if (memoryKiB >= least) return []
  const message = `is too cheap to guess with ${passes} ${passes === 1 ? 'pass' : 'passes'}; write memoryKiB: ${least}, or dangerouslyCheapHashes: true in tests`
  return [replace('/password/memoryKiB', 'cheap-hashes', message, least)]
}

function checkStore({ store, secret }: Readonly<IssuerOptions>): Finding[] {
  const add = (rule: string, message: string): Finding => ({
    at: '/secret',
    rule,
    message,
    fix: [{ op: secret === undefined ? 'add' : 'replace', path: '/secret', value: exampleSecret }],
  })
  const { open, sessions, keys } = store ?? exampleStore
  if (typeof open !== 'function' || typeof sessions !== 'object' || typeof keys !== 'object')
    return [
      replace(
        '/store',
        'store-unusable',
        'is no store; write store: memoryStore() or postgresStore(pool)',
        exampleStore,
      ),
    ]
  if (secret === undefined) {
    if (store?.durable !== true) return []
    return [
      add(
        'secret-missing',
        `is needed beside a durable store: it encrypts the private keys; write secret: '${exampleSecret}' (kept secret, the same in every process)`,
      ),
    ]
  }
  if (Buffer.byteLength(secret) >= 32 && new Set(Buffer.from(secret as string)).size >= 10) return []
  return [add('secret-weak', `is not 32 random bytes or more; write secret: '${exampleSecret}'`)]
}
