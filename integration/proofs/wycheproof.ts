import { createHmac, type JsonWebKey } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import auth from '@portcullis/auth'
import Fastify from 'fastify'
import { readJwks } from '../../packages/auth/src/keys/jwks-document.ts'
import { RemoteKeys } from '../../packages/auth/src/keys/remote-keys.ts'
import { publishedKeys } from '../../packages/auth/src/keys/sources.ts'
import { readForm, type ReadToken } from '../../packages/auth/src/jwt/token.ts'
import { decodeCanonical } from '../../packages/auth/src/jwt/json-object.ts'
import { type Algorithm, readKey } from '../../packages/auth/src/jwt/verification-key.ts'
import { audience, issuer, secret } from '../../packages/auth/test/forge.ts'
import type { Figure } from '../proof.ts'

/** Where the vectors are: a copy of `testvectors_v1` of https://github.com/C2SP/wycheproof. */
const folder = process.env['WYCHEPROOF'] ?? ''

/** Whether the vectors are there. */
export const given: boolean = existsSync(join(folder, 'json_web_signature_test.json'))

interface Vector {
  readonly tcId: number
  readonly comment: string
  /** Compact, or as JSON. */
  readonly jws?: string | object
  readonly jwe?: string | object
  readonly result: 'valid' | 'invalid' | 'acceptable'
}

interface Group {
  readonly comment: string
  readonly private?: Jwk | { readonly keys: readonly Jwk[] }
  readonly public?: Jwk | { readonly keys: readonly Jwk[] }
  readonly tests: readonly Vector[]
}

type Jwk = JsonWebKey & { readonly alg?: string; readonly kid?: string }

const ADMITTED: readonly Algorithm[] = ['RS256', 'PS256', 'ES256', 'EdDSA']

/** The JOSE vectors of Wycheproof, against the part that checks signatures and against a whole app. */
export async function prove(): Promise<Figure[]> {
  if (!given) {
    return [{ name: 'Wycheproof', figure: 'skipped', bound: 'WYCHEPROOF=<folder of testvectors_v1>', ok: true }]
  }
  const counts = { invalid: 0, accepted: 0, valid: 0, refused: [] as string[], other: 0, otherAccepted: 0, failed: 0 }
  const app = await guardedApp()
  for (const file of ['signature', 'key', 'crypto', 'encryption']) {
    const { testGroups } = JSON.parse(readFileSync(join(folder, `json_web_${file}_test.json`), 'utf8')) as {
      testGroups: readonly Group[]
    }
    for (const group of testGroups) {
      for (const vector of group.tests) {
        const written = vector.jws ?? vector.jwe ?? ''
        const token = typeof written === 'string' ? written : JSON.stringify(written)
        // None of them is a token for anybody: the good ones hold no claims.
        const { statusCode } = await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
        if (statusCode !== 401) counts.failed++
        if (vector.jws === undefined) continue
        const accepted = await isAccepted(group, token)
        if (vector.result === 'invalid') {
          counts.invalid++
          if (accepted) counts.accepted++
        } else if (isOurs(group, token)) {
          counts.valid++
          if (!accepted) counts.refused.push(`${group.comment} ${vector.tcId}`)
        } else {
          counts.other++
          if (accepted) counts.otherAccepted++
        }
      }
    }
  }
  await app.close()
  const figure = (name: string, value: number, bound = 0): Figure => ({
    name,
    figure: String(value),
    bound: String(bound),
    ok: value === bound,
  })
  return [
    figure(`Wycheproof: of ${counts.invalid} invalid signatures and keys accepted`, counts.accepted),
    figure(`Wycheproof: of ${counts.valid} valid signatures of our algorithms refused`, counts.refused.length),
    figure(`Wycheproof: of ${counts.other} valid ones of other algorithms accepted`, counts.otherAccepted),
    figure('Wycheproof: vectors, encrypted ones too, that an app answers with something else than 401', counts.failed),
  ]
}

/** With the keys as an issuer would publish them; secrets as options would give them. */
async function isAccepted(group: Group, token: string): Promise<boolean> {
  const form = readForm(token)
  if (typeof form === 'string' || (form.payload !== '' && decodeCanonical(form.payload) === null)) return false
  const { header, encodedHeader } = form
  const { algorithm } = header
  if (algorithm === 'HS256') return isAcceptedMac(group, token)
  const body = Buffer.from(JSON.stringify({ keys: keysOf(group.public ?? group.private) }))
  for (const admitted of [['RS256', 'PS256'], ['ES256'], ['EdDSA']] as Algorithm[][]) {
    if (!(admitted as string[]).includes(algorithm)) continue
    const keys = new RemoteKeys({
      fetch: async () => ({ body, etag: undefined, maxAge: null }),
      algorithms: admitted,
      clock: { now: () => 0, after: () => () => {} },
      maxAge: 600,
      maxStale: 0,
      onFailure: () => {},
      onRecovery: () => {},
    })
    await keys.start()
    const read = { header, encodedHeader } as ReadToken
    return typeof (await publishedKeys(keys).verify(token, read, false)) !== 'string'
  }
  return false
}

/** The engine reads JSON alone, and these hold other payloads: what is looked at is the form and the key. */
function isAcceptedMac(group: Group, token: string): boolean {
  const keys = keysOf(group.private).filter(({ kty, alg, k }) => kty === 'oct' && (alg ?? 'HS256') === 'HS256' && k)
  const [key] = keys
  if (key === undefined || keys.length !== keysOf(group.private).length || keys.length > 1) return false
  const material = Buffer.from(String(key.k), 'base64url')
  if (readKey(material).kind !== 'secret') return false
  const end = token.lastIndexOf('.')
  return createHmac('sha256', material).update(token.slice(0, end)).digest('base64url') === token.slice(end + 1)
}

/** Whether a good vector is one that we should accept: one key, of an algorithm that we have. */
function isOurs(group: Group, token: string): boolean {
  const [header] = token.split('.')
  // Some vectors say that base64 with foreign characters may be accepted too; here a token has one spelling.
  if (decodeCanonical(header ?? '') === null || token.includes('?')) return false
  const keys = keysOf(group.public ?? group.private)
  const { alg } = JSON.parse(Buffer.from(header ?? '', 'base64url').toString()) as { alg: string }
  if (alg === 'HS256')
    return keys.length === 1 && readKey(Buffer.from(String(keys[0]?.k), 'base64url')).kind === 'secret'
  return (ADMITTED as string[]).includes(alg) && readJwks(Buffer.from(JSON.stringify({ keys })), ADMITTED).length > 0
}

function keysOf(keys: Group['public']): readonly Jwk[] {
  if (keys === undefined) return []
  return 'keys' in keys ? (keys.keys as readonly Jwk[]) : [keys as Jwk]
}

async function guardedApp() {
  const app = Fastify()
  await app.register(auth, { jwt: { key: secret, algorithms: ['HS256'], issuer, audience } })
  app.get('/', { config: { security: { auth: {} } } }, async () => 'ok')
  await app.ready()
  return app
}
