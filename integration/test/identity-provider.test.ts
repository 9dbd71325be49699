import { generateKeyPairSync } from 'node:crypto'
import auth, { type AuthOptions } from '@portcullis/auth'
import Fastify, { type FastifyInstance } from 'fastify'
import { SignJWT } from 'jose'
import * as oauth from 'oauth4webapi'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API, apiClient, insecure, keyClients, RunningProvider } from './oidc-provider.ts'

let provider: RunningProvider
const apps: FastifyInstance[] = []
beforeAll(async () => {
  provider = await RunningProvider.start()
})
afterAll(async () => {
  await Promise.all(apps.map((app) => app.close()))
  await provider.stop()
})

async function api(options: AuthOptions): Promise<FastifyInstance> {
  const app = Fastify()
  apps.push(app)
  await app.register(auth, options)
  app.get('/me', { config: { security: { auth: {} } } }, async ({ security }) => security.identity)
  const writing = { config: { security: { auth: { scopes: ['orders:write' as never] } } } }
  app.get('/write', writing, async () => 'ok')
  await app.ready()
  return app
}
const jwtApi = () =>
  api({
    jwt: {
      issuer: provider.issuer,
      audience: API.jwt,
      algorithms: ['ES256'],
      discovery: true,
      dangerouslyAllowHttp: true,
    },
  })
const opaqueApi = (differs: object = {}) =>
  api({
    introspection: {
      endpoint: provider.server.introspection_endpoint as string,
      clientId: apiClient.id,
      clientSecret: apiClient.secret,
      audience: API.opaque,
      issuer: provider.issuer,
      cacheFor: 0,
      dangerouslyAllowHttp: true,
      ...differs,
    },
  })
const get = (app: FastifyInstance, url: string, token: string) =>
  app.inject({ url, headers: { authorization: `Bearer ${token}` } })

describe('a certified provider', () => {
  it('signs a user in by code flow with PKCE, and its at+jwt admits the user with its scopes', async () => {
    const { access_token: token, id_token: idToken = '' } = await provider.signIn('alice', API.jwt, 'orders:read')
    const app = await jwtApi()
    expect((await get(app, '/me', token)).json()).toMatchObject({
      subject: 'alice',
      scheme: 'jwt',
      scopes: ['orders:read'],
      claims: { client_id: 'app' },
    })
    expect((await get(app, '/write', token)).statusCode).toBe(403)
    // An ID token says who signed in, to the app, and admits nobody.
    expect((await get(app, '/me', idToken)).statusCode).toBe(401)
  })

  it('keeps a token of one API out of another', async () => {
    const { access_token: token } = await provider.signIn('alice', API.jwt, 'orders:read')
    expect((await get(await opaqueApi(), '/me', token)).statusCode).toBe(401)
    const opaque = await provider.signIn('alice', API.opaque, 'orders:read')
    expect((await get(await jwtApi(), '/me', opaque.access_token)).statusCode).toBe(401)
    expect((await get(await opaqueApi({ audience: API.jwt }), '/me', opaque.access_token)).statusCode).toBe(401)
  })

  it.each(['client_secret_basic', 'client_secret_post'] as const)(
    'is asked about an opaque token by %s, and its revocation holds with the next request',
    async (clientAuthentication) => {
      const { access_token: token } = await provider.signIn('bob', API.opaque, 'orders:read orders:write')
      const app = await opaqueApi({ clientAuthentication })
      const first = await get(app, '/me', token)
      expect(first.json()).toMatchObject({ subject: 'bob', scheme: 'introspection' })
      expect((await get(app, '/write', token)).statusCode).toBe(200)
      await provider.revoke(token)
      expect((await get(app, '/me', token)).statusCode).toBe(401)
    },
  )

  it.each(['ES256', 'RS256', 'EdDSA'] as const)(
    'is asked about an opaque token by private_key_jwt with %s, and by nobody who has another key',
    async (algorithm) => {
      const { access_token: token } = await provider.signIn('bob', API.opaque, 'orders:read')
      const { id: clientId, keys } = keyClients[algorithm]
      const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
      const client = { clientId, clientSecret: undefined, clientAuthentication: 'private_key_jwt' }
      const statusWith = async (differs: object) =>
        (await get(await opaqueApi({ ...client, clientKey: keys.privateKey, ...differs }), '/me', token)).statusCode
      expect([await statusWith({}), await statusWith({ clientKeyId: `${clientId}-1` })]).toEqual([200, 200])
      // Who asks cannot be told: nothing is known of the token.
      expect(await statusWith({ clientKey: other })).toBe(503)
      expect(await statusWith({ clientId: keyClients[algorithm === 'ES256' ? 'RS256' : 'ES256'].id })).toBe(503)
    },
  )

  it('calls a refresh token active, and it admits nobody', async () => {
    const { refresh_token: token } = await provider.signIn('bob', API.opaque, 'offline_access orders:read')
    expect(await provider.isActive(token as string)).toBe(true)
    expect((await get(await opaqueApi(), '/me', token as string)).statusCode).toBe(401)
  })
})

/** Another implementation of the same rules: the resource server of oauth4webapi. */
async function admittedThere(authorization: string, headers: Record<string, string> = {}): Promise<boolean> {
  try {
    const request = new Request(`${API.jwt}/me`, { headers: { ...headers, authorization } })
    await oauth.validateJwtAccessToken(provider.server, request, API.jwt, {
      ...insecure,
      signingAlgorithms: ['ES256'],
      [oauth.jwksCache]: cache,
    })
    return true
  } catch {
    return false
  }
}
const cache: oauth.JWKSCacheInput = {}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** A generator of the same numbers each time. */
function* numbers(seed: number): Generator<number> {
  let state = seed
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state
  }
}

describe('pairs of mutated tokens and requests', () => {
  it('are never accepted here and refused there: JWTs, beside oauth4webapi', async () => {
    const app = await jwtApi()
    const { access_token: token } = await provider.signIn('carol', API.jwt, 'orders:read')
    const next = numbers(7)
    const below = (bound: number): number => (next.next().value as number) % bound
    const seen = { pairs: 0, both: 0, here: 0, there: 0 }
    const wrong: string[] = []
    const compare = async (authorization: string, headers: Record<string, string> = {}): Promise<void> => {
      const here = (await app.inject({ url: '/me', headers: { ...headers, authorization } })).statusCode
      const there = await admittedThere(authorization, headers)
      seen.pairs++
      if (here === 200 && there) seen.both++
      if (here === 200 && !there) wrong.push(authorization)
      if (here !== 200 && there) seen.there++
      if (here !== 200 && here !== 401 && here !== 400) wrong.push(`${here} ${authorization}`)
    }

    // Bytes changed, added, removed, moved; requests that spell the same field in other ways.
    const spellings = [
      'Bearer ',
      'bearer ',
      'BEARER  ',
      'Bearer',
      'Bearer\t',
      ' Bearer ',
      'Bearer Bearer ',
      'DPoP ',
      'Token ',
      '',
    ]
    for (let round = 0; round < 2_000; round++) {
      const at = below(token.length)
      const digit = DIGITS[below(64)] as string
      const mutations = [
        () => `${token.slice(0, at)}${digit}${token.slice(at + 1)}`,
        () => `${token.slice(0, at)}${digit}${token.slice(at)}`,
        () => `${token.slice(0, at)}${token.slice(at + 1)}`,
        () => token.slice(0, at),
        () => token.slice(at) + token.slice(0, at),
        () => `${token}.${token}`,
        () => `${token}${'='.repeat(1 + below(2))}`,
        () => token,
      ]
      const mutated = (mutations[below(mutations.length)] as () => string)()
      await compare(`${spellings[below(spellings.length)]}${mutated}`)
    }

    // Tokens that the provider's key has signed, and whose claims or header differ.
    const now = Math.floor(Date.now() / 1000)
    const good = {
      iss: provider.issuer,
      aud: API.jwt,
      sub: 'carol',
      client_id: 'app',
      jti: 'x',
      iat: now,
      exp: now + 600,
    }
    const values = [
      undefined,
      null,
      '',
      0,
      -1,
      1e18,
      1.5,
      true,
      [],
      {},
      ['a'],
      API.jwt,
      API.opaque,
      [API.opaque, API.jwt],
    ]
    const more = [provider.issuer, `${provider.issuer}/`, now - 3600, now + 3600, String(now + 600), { jkt: 'x' }]
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const types = ['at+jwt', 'AT+JWT', 'application/at+jwt', 'JWT', 'jwt', 'at', undefined]
    for (const claim of ['iss', 'aud', 'sub', 'exp', 'nbf', 'cnf']) {
      for (const value of [...values, ...more]) {
        for (const typ of types.slice(0, 4)) {
          const made = new SignJWT({ ...good, [claim]: value } as never)
          made.setProtectedHeader({ alg: 'ES256', kid: provider.kid, ...(typ === undefined ? {} : { typ }) })
          await compare(`Bearer ${await made.sign(provider.privateKey)}`)
        }
      }
    }
    for (const typ of types) {
      for (const key of [provider.privateKey, stranger]) {
        for (const kid of [provider.kid, 'other', undefined]) {
          const header = { alg: 'ES256', ...(typ === undefined ? {} : { typ }), ...(kid === undefined ? {} : { kid }) }
          await compare(`Bearer ${await new SignJWT(good).setProtectedHeader(header).sign(key)}`)
        }
      }
    }
    expect(wrong).toEqual([])
    expect(seen.pairs).toBeGreaterThan(2_000)
    // The control: good pairs are among them, and both take them.
    expect(seen.both).toBeGreaterThan(40)
    process.stdout.write(`${seen.pairs} pairs, ${seen.both} accepted by both, ${seen.there} refused only here\n`)
  }, 120_000)

  it('are never accepted here and refused there: opaque tokens, beside the provider itself', async () => {
    const app = await opaqueApi()
    const { access_token: token } = await provider.signIn('dave', API.opaque, 'orders:read')
    const next = numbers(11)
    const below = (bound: number): number => (next.next().value as number) % bound
    let both = 0
    for (let round = 0; round < 300; round++) {
      const at = below(token.length)
      const digit = DIGITS[below(64)] as string
      const mutated = [
        `${token.slice(0, at)}${digit}${token.slice(at + 1)}`,
        `${token}${digit}`,
        token.slice(0, at),
        token,
      ][below(4)] as string
      const here = (await get(app, '/me', mutated)).statusCode
      const there = await provider.isActive(mutated === '' ? 'x' : mutated)
      if (here === 200) both++
      expect([here, there]).toEqual(there ? [200, true] : [401, false])
    }
    expect(both).toBeGreaterThan(30)
  }, 60_000)
})
