import fastifyJwt from '@fastify/jwt'
import Fastify, { type FastifyRequest } from 'fastify'
import { importJWK, jwtVerify } from 'jose'
import { measure } from '../../../bench/measure.ts'
import { trustedIssuers } from '../src/jwt/issuers.ts'
import { jwtStrategy } from '../src/jwt/strategy.ts'
import { givenKey, publishedKeys } from '../src/keys/sources.ts'
import { RemoteKeys } from '../src/keys/remote-keys.ts'
import { compileGate } from '../src/policy.ts'
import { Outage } from '../src/remote/outage.ts'
import { apiKeyStrategy } from '../src/api-keys/strategy.ts'
import { createApiKey } from '../src/api-keys/format.ts'
import { audience, es256, hmacToken, issuer, pem, secret, token } from '../test/forge.ts'

/** As many callers as the comparison of whole servers has. */
const COUNT = 1000

async function engineOf(algorithm: 'ES256' | 'HS256', options: object) {
  const engine = Fastify()
  await engine.register(fastifyJwt, {
    secret: { public: algorithm === 'ES256' ? pem : secret } as { public: string; private: string },
    verify: { algorithms: [algorithm], ...options },
  })
  let request: FastifyRequest | undefined
  engine.get('/', async (given) => void (request = given))
  await engine.inject('/')
  return { verify: (given: string) => engine.jwt.verify(given), request: request as FastifyRequest }
}

function gateOf(algorithm: 'ES256' | 'HS256', engine: (given: string) => unknown, cacheSize: number) {
  const key = algorithm === 'ES256' ? es256.publicKey : secret
  const [one] = trustedIssuers({ key, algorithms: [algorithm], issuer, audience })
  if (one === undefined) throw new Error('no issuer')
  const rules = { issuers: new Map([[issuer, one.rules]]), clockTolerance: 5, maxBytes: 8192 }
  const sources = new Map([[issuer, givenKey(engine, algorithm === 'HS256')]])
  const strategies = [jwtStrategy({ rules, sources, cacheSize, clock: Date.now })]
  return compileGate({ strategies, realm: 'api', header: '', scopes: ['profile:read'], admission: 'declared' })
}

/** What the room's step does, without the request. */
function pass(gate: ReturnType<typeof gateOf>, authorization: string): unknown {
  const found = gate.find({ authorization }, ['Host', 'localhost', 'Authorization', authorization])
  if (!('strategy' in found)) throw new Error(found.code)
  const outcome = found.strategy.verify(found.credential)
  if (typeof outcome === 'string' || outcome instanceof Promise) throw new Error('refused')
  return gate.judge(outcome)
}

for (const algorithm of ['ES256', 'HS256'] as const) {
  const fields = Array.from({ length: COUNT }, (_, index) => {
    const sub = { sub: `user-${index}`, jti: `token-${index}` }
    return `Bearer ${algorithm === 'ES256' ? token(sub) : hmacToken(sub)}`
  })
  const usual = { allowedIss: issuer, allowedAud: audience }
  const plain = await engineOf(algorithm, usual)
  const cached = await engineOf(algorithm, { ...usual, cache: true })
  // As the room opens it: the claims are its own affair.
  const inside = await engineOf(algorithm, { ignoreExpiration: true, ignoreNotBefore: true })
  const hit = gateOf(algorithm, inside.verify, COUNT)
  const miss = gateOf(algorithm, inside.verify, 0)
  let turn = 0
  const next = (): string => fields[turn++ % COUNT] as string
  // What is remembered is remembered before anything is measured.
  for (const field of fields) {
    cached.verify(field.slice(7))
    pass(hit, field)
  }
  const jwtVerify = (engine: typeof plain) => (): Promise<unknown> => {
    engine.request.raw.headers.authorization = next()
    return engine.request.jwtVerify()
  }
  await measure(`${algorithm}, a token of ${COUNT} rotating ones`, {
    '@fastify/jwt, request.jwtVerify()': jwtVerify(plain),
    '@fastify/jwt, request.jwtVerify() with its cache': jwtVerify(cached),
    '@fastify/jwt, app.jwt.verify()': () => plain.verify(next().slice(7)),
    '@fastify/jwt, app.jwt.verify() with its cache': () => cached.verify(next().slice(7)),
    'ours, never seen (field, form, signature, times, scopes)': () => pass(miss, next()),
    'ours, seen before (field, times, scopes)': () => pass(hit, next()),
  })
}

// Keys that an issuer publishes: jose verifies, here without and with what stands before and after it.
const tokens = Array.from({ length: COUNT }, (_, index) => token({ sub: `user-${index}`, jti: `token-${index}` }))
const jwk = { ...es256.publicKey.export({ format: 'jwk' }), kid: 'key-1' }
const keys = new RemoteKeys({
  fetch: async () => ({ body: Buffer.from(JSON.stringify({ keys: [jwk] })), etag: undefined, maxAge: null }),
  algorithms: ['ES256'],
  clock: { now: () => 0, after: () => () => {} },
  maxAge: 600,
  maxStale: 600,
  onFailure: () => {},
  onRecovery: () => {},
})
await keys.start()
const [published] = trustedIssuers({ jwks: 'https://id.example.com/jwks', algorithms: ['ES256'], issuer, audience })
const remote = jwtStrategy({
  rules: {
    issuers: new Map(published === undefined ? [] : [[issuer, published.rules]]),
    clockTolerance: 5,
    maxBytes: 8192,
  },
  sources: new Map([[issuer, publishedKeys(keys)]]),
  cacheSize: 0,
  clock: Date.now,
})
const options = { algorithms: ['ES256'], issuer, audience, typ: 'at+jwt', requiredClaims: ['sub', 'exp'] }
const imported = await importJWK(jwk, 'ES256')
let at = 0
const following = (): string => tokens[at++ % COUNT] as string
await measure(`a key that the issuer publishes, a token of ${COUNT} rotating ones`, {
  'jose, jwtVerify()': () => jwtVerify(following(), imported, options),
  'ours, never seen': () => remote.verify(following()),
})

const { key, entry } = createApiKey({ subject: 'billing' })
const strategy = apiKeyStrategy({
  header: 'x-api-key',
  prefix: 'ptc',
  keys: [entry],
  find: undefined,
  pepper: undefined,
  cacheFor: 30,
  onUse: undefined,
  now: Date.now,
  timeoutMs: 0,
  onFailure: () => {},
  outage: new Outage(Date.now),
})
await measure('an API key of the list', { ours: () => strategy.verify(key) })
