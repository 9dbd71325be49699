import type { AccessTerms } from './sessions/access-token.ts'
import type { RingRules } from './keys/key-ring.ts'
import type { HashParameters } from './passwords/hash.ts'
import { PATIENCE } from './stores/patience.ts'
import type { PasswordRules } from './passwords/rules.ts'
import type { IssuerOptions, JwksOptions, KeysOptions, RefreshTokenOptions } from './options.ts'
import type { PasswordHashOptions } from './passwords/options.ts'
import type { SessionRules } from './sessions/sessions.ts'

/** What the options decide, by who needs to know. */
export interface IssuerPolicy {
  readonly terms: AccessTerms
  readonly clientId: string
  readonly sessions: SessionRules
  readonly ring: RingRules
  /** Seconds between two looks at the ring. */
  readonly reload: number
  readonly jwks: { readonly path: string; readonly cacheControl: string; readonly security?: Record<string, unknown> }
  readonly hash: HashParameters
  readonly queue: { readonly concurrency: number; readonly length: number }
  readonly passwords: PasswordRules
}

/** Clocks differ by at most this much, in seconds. */
const TOLERANCE = 60

/** Reads complete options. */
export function compilePolicy(options: Readonly<IssuerOptions>): IssuerPolicy {
  const {
    issuer,
    audience,
    clientId,
    accessTokenLifetime: lifetime,
    maxSessions: most,
  } = options as Required<IssuerOptions>
  const { idle, absolute, grace } = options.refreshToken as Required<RefreshTokenOptions>
  const { algorithm, rotateAfter, publishAhead, reload } = options.keys as Required<KeysOptions>
  const { path, maxAge, security } = options.jwks as JwksOptions & { path: string; maxAge: number }
  const password = options.password as Required<PasswordHashOptions>
  return Object.freeze({
    terms: { issuer, audience, lifetime },
    clientId,
    sessions: { idle, absolute, grace, most, patience: PATIENCE },
    // Another process signs with the old key until it reads the ring again.
    ring: { algorithm, rotateAfter, publishAhead, retireFor: lifetime + 2 * reload + TOLERANCE },
    reload,
    jwks: { path, cacheControl: `public, max-age=${maxAge}`, ...(security === undefined ? {} : { security }) },
    hash: { memoryKiB: password.memoryKiB, passes: password.passes, lanes: password.lanes },
    queue: { concurrency: password.concurrency, length: password.queue },
    passwords: { minLength: password.minLength, maxLength: password.maxLength, words: password.words },
  })
}
