import type { SecurityIdentity } from 'fastify'
import { trustedIssuers } from '../src/jwt/issuers.ts'
import { jwtStrategy, type RevocationList } from '../src/jwt/strategy.ts'
import type { JwtOptions } from '../src/jwt/options.ts'
import { type KeySource, publishedKeys, remoteKeys } from '../src/keys/sources.ts'
import { fetchRemote } from '../src/remote/json.ts'
import type { RemoteKeys } from '../src/keys/remote-keys.ts'
import { audience } from './forge.ts'
import type { IdentityProvider } from './identity-provider.ts'
import { ManualClock } from './manual-clock.ts'

/** The strategy in front of a real provider, with time in the test's hand. */
export interface Verifying {
  readonly clock: ManualClock
  readonly keys: RemoteKeys
  /** Milliseconds for one fetch, of real time: short while a test lets the issuer hang, long when an answer counts. */
  timeoutMs: number
  /** What went wrong while keys were fetched. */
  readonly failures: unknown[]
  /** A good token's subject, or why it is refused. */
  verify(token: string): Promise<string>
  /** What becomes of a good token, after this. */
  watch(token: string): Promise<readonly string[]>
  /** Whether the token is decided without waiting. */
  isSynchronous(token: string): boolean
  /** Lets seconds pass, and whatever they bring to an end. */
  pass(seconds: number): Promise<void>
}

export function verifying(
  provider: IdentityProvider,
  options: Partial<JwtOptions> = {},
  { revocations }: { revocations?: RevocationList } = {},
): Verifying {
  const clock = new ManualClock()
  const failures: unknown[] = []
  const flights = new Set<Promise<unknown>>()
  const issuers = trustedIssuers({
    issuer: provider.origin,
    audience,
    algorithms: ['ES256'],
    ca: provider.ca,
    ...(options.discovery === true ? {} : { jwks: provider.jwks }),
    ...options,
  })
  const [issuer] = issuers
  if (issuer === undefined) throw new Error('no issuer')
  const keys = remoteKeys(issuer, {
    clock,
    fetch(request) {
      const flight = fetchRemote({ ...request, timeoutMs: verifier.timeoutMs })
      flights.add(flight)
      const over = (): void => void flights.delete(flight)
      flight.then(over, over)
      return flight
    },
    timeoutMs: 0,
    maxAge: options.jwksMaxAge ?? 600,
    maxStale: options.jwksMaxStale ?? 86_400,
    onFailure: (_issuer, error) => failures.push(error),
    onRecovery: () => {},
  })
  const strategy = jwtStrategy({
    rules: { issuers: new Map([[issuer.rules.issuer, issuer.rules]]), clockTolerance: 5, maxBytes: 8192 },
    sources: new Map<string, KeySource>([[issuer.rules.issuer, publishedKeys(keys)]]),
    cacheSize: 100,
    revocations,
    clock: () => clock.now(),
  })
  // What begins and what follows a fetch does so in turns of its own.
  const settled = async (): Promise<void> => {
    do {
      await Promise.allSettled(flights)
      await new Promise((resolve) => setImmediate(resolve))
    } while (flights.size > 0)
  }
  const verifier: Verifying = {
    clock,
    keys,
    timeoutMs: 10_000,
    failures,
    async verify(token) {
      const outcome = await strategy.verify(token)
      return typeof outcome === 'string' ? outcome : outcome.subject
    },
    async watch(token) {
      const told: string[] = []
      const identity = (await strategy.verify(token)) as SecurityIdentity
      strategy.watch?.(token, identity, (outcome) => void told.push(outcome as string))
      return told
    },
    isSynchronous: (token) => !(strategy.verify(token) instanceof Promise),
    pass: (seconds) => clock.pass(seconds * 1000, settled),
  }
  return verifier
}
