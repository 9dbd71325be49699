import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import { importPKCS8, SignJWT } from 'jose'
import { measure } from '../../../bench/measure.ts'
import { memoryStore } from '../src/stores/memory.ts'
import issuer, { type Declined, type Grant, hashPassword, refresh, signIn, verifyPassword } from '../src/index.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
})
const names = { issuer: 'https://id.example.com', audience: 'https://api.example.com' }

const official = Fastify()
await official.register(fastifyJwt, {
  secret: { private: privateKey, public: publicKey },
  sign: { algorithm: 'ES256', iss: names.issuer, aud: names.audience, expiresIn: '5m' },
})
await official.ready()
const key = await importPKCS8(privateKey, 'ES256')

// Sessions of this run alone: each subject has few, and they are forgotten.
const store = memoryStore()
const app = Fastify()
await app.register(issuer, { ...names, store, password: { concurrency: 1 } })
await app.ready()

const given = <T extends object>(answer: T | Declined): T => {
  if ('refusal' in answer) throw new Error('refused')
  return answer
}
let session: Grant = given(await signIn(app, { subject: 'user-1', scopes: ['profile:read'] }))
const claims = () => ({ sub: 'user-1', scope: 'profile:read', jti: randomUUID() })

await measure('an ES256 access token', {
  '@fastify/jwt': () => official.jwt.sign(claims()),
  jose: () =>
    new SignJWT(claims())
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(names.issuer)
      .setAudience(names.audience)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(key),
  'a refresh here: access token, rotation, successor': async () => {
    session = given(await refresh(app, session.refreshToken))
  },
})

const password = 'correct horse battery'
const account = given(await hashPassword(app, password))
await measure(
  'a password (Argon2id, 19 MiB, 2 passes)',
  {
    'verified, right': () => verifyPassword(app, password, account),
    'verified, wrong': () => verifyPassword(app, randomBytes(12).toString('hex'), account),
    'verified, nobody': () => verifyPassword(app, password, null),
  },
  { rounds: 5 },
)
await app.close()
await official.close()
