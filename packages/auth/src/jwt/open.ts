import fastifyJwt from '@fastify/jwt'
import { emit } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { systemClock } from '../clock.ts'
import { DiscoveryContradiction } from '../keys/discovery.ts'
import { errors } from '../errors.ts'
import { events } from '../events.ts'
import type { Strategy } from '../identity.ts'
import { type TrustedIssuer, trustedIssuers, writtenIssuers } from './issuers.ts'
import { jwtStrategy, type RevocationList } from './strategy.ts'
import type { JwtOptions } from './options.ts'
import { type KeySetReport, openKeySets, type TakenKeySet } from '../keys/key-sets.ts'
import type { RemoteKeys } from '../keys/remote-keys.ts'
import { givenKey, type KeySource, publishedKeys, remoteKeys } from '../keys/sources.ts'
import { fetchRemote } from '../remote/json.ts'
import { ToldKeys } from '../keys/told-keys.ts'
import type { VerificationKey } from './verification-key.ts'

/** A fetch of keys may take this long. */
const FETCH_MS = 5_000

/** Boot waits no longer than this for keys; tokens are answered 503 until they are there. */
const FIRST_MS = 6_000

/** Opens what tokens are verified with: the engine for keys of the options, the fetching of all others. */
export async function openJwt(
  jwt: Readonly<JwtOptions>,
  app: FastifyInstance,
  revocations: RevocationList | undefined,
): Promise<Strategy> {
  const now = jwt.clock ?? Date.now
  const issuers = trustedIssuers(jwt)
  if (writtenIssuers(jwt).some(({ options }) => options.dangerouslyAllowHttp === true))
    app.log.warn('auth: dangerouslyAllowHttp is on: whoever runs on this machine may hand out keys')
  const sources = new Map<string, KeySource>()
  const starts: Promise<void>[] = []
  for (const issuer of issuers) {
    const { place, rules } = issuer
    if (place.kind === 'given')
      sources.set(rules.issuer, givenKey(await openEngine(issuer, place.key, app), place.key.kind === 'secret'))
    else if (place.kind === 'told') sources.set(rules.issuer, publishedKeys(openToldKeys(issuer, place.tell, app)))
    else {
      const { keys, isNew, release } = takeRemoteKeys(issuer, jwt, app)
      sources.set(rules.issuer, publishedKeys(keys))
      if (isNew) starts.push(start(rules.issuer, keys, release, app))
    }
  }
  await Promise.race([Promise.all(starts), new Promise((resolve) => setTimeout(resolve, FIRST_MS).unref())])
  return jwtStrategy({
    rules: {
      issuers: new Map(issuers.map(({ rules }) => [rules.issuer, rules])),
      clockTolerance: jwt.clockTolerance ?? 5,
      maxBytes: jwt.maxTokenBytes ?? 8192,
    },
    sources,
    cacheSize: jwt.cacheSize ?? 10_000,
    revocations,
    clock: now,
  })
}

/** @fastify/jwt on an instance of its own that never listens: on the user's app its decorators would collide. */
async function openEngine(
  { algorithms }: TrustedIssuer,
  key: VerificationKey,
  app: FastifyInstance,
): Promise<(token: string) => unknown> {
  const engine = Fastify()
  await engine.register(fastifyJwt, {
    secret: { public: key.kind === 'secret' ? key.secret : key.pem } as { public: string; private: string },
    verify: {
      algorithms: [...algorithms],
      // Claims are read strictly by us, and times are looked at on every use, cached or not.
      ignoreExpiration: true,
      ignoreNotBefore: true,
    },
  })
  await engine.ready()
  app.addHook('onClose', () => engine.close())
  return (token) => engine.jwt.verify(token)
}

function openToldKeys(
  { rules: { issuer }, algorithms }: TrustedIssuer,
  tell: () => string,
  app: FastifyInstance,
): ToldKeys {
  return new ToldKeys({
    tell,
    algorithms,
    onFailure(error) {
      app.log.error({ err: error, issuer }, 'auth: the issuer does not tell its keys; its tokens are answered 503')
      emit(app, events['auth.interrupted'], { outcome: 'denied', detail: { reason: 'keys', issuer } })
    },
  })
}

function takeRemoteKeys(issuer: TrustedIssuer, jwt: Readonly<JwtOptions>, app: FastifyInstance): TakenKeySet {
  const { keySets = openKeySets(), jwksMaxAge: maxAge = 600, jwksMaxStale: maxStale = 86_400, clock = Date.now } = jwt
  const { rules, place, algorithms, ca } = issuer
  const report: KeySetReport = {
    onFailure(name, error) {
      app.log.error(
        { err: error, issuer: name },
        'auth: the issuer’s keys could not be fetched; known keys stay in use for jwksMaxStale',
      )
      emit(app, events['auth.interrupted'], { outcome: 'observed', detail: { reason: 'keys', issuer: name } })
    },
    onRecovery: (name) => app.log.info({ issuer: name }, 'auth: the issuer’s keys are fetched again'),
  }
  const name = JSON.stringify([rules.issuer, place, algorithms, ca, maxAge, maxStale])
  const taken = keySets.take(name, report, (told) =>
    remoteKeys(issuer, {
      clock: systemClock(clock),
      fetch: fetchRemote,
      timeoutMs: FETCH_MS,
      maxAge,
      maxStale,
      ...told,
    }),
  )
  app.addHook('onClose', async () => taken.release())
  return taken
}

async function start(issuer: string, keys: RemoteKeys, release: () => void, app: FastifyInstance): Promise<void> {
  try {
    await keys.start()
  } catch (error) {
    if (error instanceof DiscoveryContradiction) {
      release()
      throw new errors.PTC_AUTH_ISSUER_CONTRADICTS(error.message)
    }
    app.log.warn(
      { err: error, issuer },
      'auth: the issuer’s keys could not be fetched yet; its tokens are answered 503',
    )
  }
}
