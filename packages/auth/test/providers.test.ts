import { describeSecurity } from '@portcullis/kernel'
import Fastify from 'fastify'
import { afterEach, describe, expect, it, vi } from 'vitest'
import auth, { auth0, cognito, entra, google, keycloak } from '../src/index.ts'
import { get } from './apps.ts'
import { type Members, rsa, signed, withRs256 } from './forge.ts'

const fetched = vi.hoisted(() => ({ urls: [] as string[], body: Buffer.alloc(0) }))
// The keys of the providers are ours here; what their tokens look like is theirs.
vi.mock('../src/remote/json.ts', async (original) => ({
  ...(await original<object>()),
  fetchRemote: async ({ url }: { url: string }) => {
    fetched.urls.push(url)
    return { body: fetched.body, etag: undefined, maxAge: null }
  },
}))
fetched.body = Buffer.from(
  JSON.stringify({ keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'key-1', use: 'sig', alg: 'RS256' }] }),
)
afterEach(() => void (fetched.urls.length = 0))

const tenantId = '72f988bf-86f1-41af-91ab-2d7cd011db47'
const clientId = '6e74172b-be56-4843-9ff4-e66a39bb12e3'
const pool = 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_example'
const realm = 'https://sso.example.com/realms/shop'
const times = { iat: 1_700_000_000, exp: 4_000_000_000 }
const jwtHeader = { alg: 'RS256', typ: 'JWT', kid: 'key-1' }

interface Provider {
  readonly options: ReturnType<typeof auth0>
  readonly keys: string
  readonly header: Members
  /** As the provider documents an access token. */
  readonly claims: Members
  readonly scopes: readonly string[]
  readonly roles?: readonly string[]
  /** What is not an access token for this API, but carries a good signature of the same provider. */
  readonly refused: Readonly<Record<string, readonly [header: Members, claims: Members]>>
}

const auth0Claims = {
  iss: 'https://example.eu.auth0.com/',
  sub: 'auth0|123456',
  aud: ['https://api.example.com', 'https://example.eu.auth0.com/userinfo'],
  scope: 'openid profile read:orders',
  ...times,
}
const entraClaims = {
  aud: clientId,
  iss: `https://login.microsoftonline.com/${tenantId}/v2.0`,
  nbf: times.iat,
  aio: 'AXQAi/8IAAAA',
  azp: '6e74172b-be56-4843-9ff4-000000000000',
  azpacr: '0',
  name: 'Abe Lincoln',
  oid: '690222be-ff1a-4d56-abd1-7e4f7d38e474',
  preferred_username: 'abeli@microsoft.com',
  rh: 'I',
  scp: 'access_as_user orders.read',
  sub: 'HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ',
  tid: tenantId,
  uti: 'fqiBqXLPj0eQa82S-IYFAA',
  ver: '2.0',
  ...times,
}
const keycloakClaims = {
  jti: 'd58f5dc8-fd8f-462b-8a19-716f8f83985b',
  iss: realm,
  aud: ['orders', 'account'],
  sub: '36fa0f91-f94d-4a0c-afed-6b7d952e47da',
  typ: 'Bearer',
  azp: 'shop-front',
  sid: '2a88c258-f73a-4103-b862-e1fbd8f4e04e',
  acr: '1',
  'allowed-origins': ['https://app.example.com'],
  realm_access: { roles: ['offline_access', 'default-roles-shop'] },
  resource_access: { account: { roles: ['view-profile'] } },
  scope: 'openid email profile',
  email_verified: true,
  preferred_username: 'masum',
  ...times,
}
const cognitoClaims = {
  sub: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  device_key: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  'cognito:groups': ['testgroup'],
  iss: pool,
  version: 2,
  client_id: 'xxxxxxxxxxxxexample',
  origin_jti: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  event_id: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  token_use: 'access',
  scope: 'phone openid profile resourceserver.1/appclient2 email',
  auth_time: times.iat,
  jti: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
  username: 'my-test-user',
  ...times,
}
const googleClaims = {
  iss: 'https://accounts.google.com',
  azp: '1234987819200.apps.googleusercontent.com',
  aud: '1234987819200.apps.googleusercontent.com',
  sub: '10769150350006150715113082367',
  at_hash: 'HK6E_P6Dh8Y93mRNtsDB1Q',
  hd: 'example.com',
  email: 'jsmith@example.com',
  email_verified: true,
  nonce: '0394852-3190485-2490358',
  ...times,
}

const providers: Readonly<Record<string, Provider>> = {
  'Auth0, RFC 9068 profile': {
    options: auth0({ domain: 'example.eu.auth0.com', audience: 'https://api.example.com' }),
    keys: 'https://example.eu.auth0.com/.well-known/jwks.json',
    header: { ...jwtHeader, typ: 'at+jwt' },
    claims: { ...auth0Claims, client_id: 'my_client_id', jti: '73WakrfVbNJBaAmhQtEeDv' },
    scopes: ['openid', 'profile', 'read:orders'],
    refused: {
      'an ID token': [jwtHeader, { ...auth0Claims, aud: 'my_client_id' }],
      'a token of the other profile': [jwtHeader, auth0Claims],
      'an issuer without its slash': [
        { ...jwtHeader, typ: 'at+jwt' },
        { ...auth0Claims, iss: 'https://example.eu.auth0.com' },
      ],
    },
  },
  'Auth0, its own profile': {
    options: auth0({ domain: 'example.eu.auth0.com', audience: 'https://api.example.com', profile: 'auth0' }),
    keys: 'https://example.eu.auth0.com/.well-known/jwks.json',
    header: jwtHeader,
    claims: { ...auth0Claims, azp: 'my_client_id' },
    scopes: ['openid', 'profile', 'read:orders'],
    refused: { 'an ID token': [jwtHeader, { ...auth0Claims, aud: 'my_client_id' }] },
  },
  'Microsoft Entra ID': {
    options: entra({ tenantId, clientId }),
    keys: `https://login.microsoftonline.com/${tenantId}/discovery/v2.0/keys`,
    header: jwtHeader,
    claims: entraClaims,
    scopes: ['access_as_user', 'orders.read'],
    refused: {
      'a token of another tenant': [jwtHeader, { ...entraClaims, tid: 'other' }],
      'a token of version 1.0': [
        jwtHeader,
        { ...entraClaims, iss: `https://sts.windows.net/${tenantId}/`, ver: '1.0' },
      ],
      'an ID token of the front end': [jwtHeader, { ...entraClaims, aud: entraClaims.azp }],
      'a token for Microsoft Graph': [
        { ...jwtHeader, nonce: 'x' },
        { ...entraClaims, aud: '00000003-0000-0000-c000-000000000000' },
      ],
    },
  },
  Keycloak: {
    options: keycloak({ url: 'https://sso.example.com', realm: 'shop', audience: 'orders' }),
    keys: `${realm}/protocol/openid-connect/certs`,
    header: jwtHeader,
    claims: keycloakClaims,
    scopes: ['openid', 'email', 'profile'],
    roles: ['offline_access', 'default-roles-shop'],
    refused: {
      'an ID token': [jwtHeader, { ...keycloakClaims, typ: 'ID', aud: 'orders' }],
      'a refresh token': [jwtHeader, { ...keycloakClaims, typ: 'Refresh' }],
      'a token of another realm': [jwtHeader, { ...keycloakClaims, iss: 'https://sso.example.com/realms/master' }],
      'a token without an audience mapper': [jwtHeader, { ...keycloakClaims, aud: 'account' }],
    },
  },
  'Amazon Cognito': {
    options: cognito({ region: 'eu-central-1', userPoolId: 'eu-central-1_example', clientId: 'xxxxxxxxxxxxexample' }),
    keys: `${pool}/.well-known/jwks.json`,
    header: { kid: 'key-1', alg: 'RS256' },
    claims: cognitoClaims,
    scopes: ['phone', 'openid', 'profile', 'resourceserver.1/appclient2', 'email'],
    refused: {
      'an ID token': [
        { kid: 'key-1', alg: 'RS256' },
        { ...cognitoClaims, client_id: undefined, aud: 'xxxxxxxxxxxxexample', token_use: 'id' },
      ],
      'a token of another app client': [
        { kid: 'key-1', alg: 'RS256' },
        { ...cognitoClaims, client_id: 'other' },
      ],
      'a client in a list': [
        { kid: 'key-1', alg: 'RS256' },
        { ...cognitoClaims, token_use: ['access'] },
      ],
    },
  },
  Google: {
    options: google({ clientId: '1234987819200.apps.googleusercontent.com', hostedDomain: 'example.com' }),
    keys: 'https://www.googleapis.com/oauth2/v3/certs',
    header: jwtHeader,
    claims: googleClaims,
    scopes: [],
    refused: {
      'a token for another client': [jwtHeader, { ...googleClaims, aud: 'other.apps.googleusercontent.com' }],
      'an account of another domain': [jwtHeader, { ...googleClaims, hd: 'evil.test' }],
      'an account of no domain': [jwtHeader, { ...googleClaims, hd: undefined }],
    },
  },
}

async function guardedBy(options: Provider['options']) {
  const app = Fastify()
  await app.register(auth, { jwt: options })
  app.get('/any', { config: { security: { auth: {} } } }, async ({ security }) => security.identity)
  await app.ready()
  return app
}

const bearer = (header: Members, claims: Members): string =>
  `Bearer ${signed(header, claims, withRs256(rsa.privateKey))}`

describe.each(Object.entries(providers))('a token of %s', (_name, provider) => {
  it('as its documentation shows it is accepted with its scopes, and nothing else of that provider is', async () => {
    const app = await guardedBy(provider.options)
    expect(fetched.urls).toEqual([provider.keys])
    const answer = await get(app, '/any', bearer(provider.header, provider.claims))
    expect(answer.json()).toMatchObject({ subject: provider.claims['sub'], scopes: provider.scopes })
    expect((answer.json() as { roles?: unknown }).roles).toEqual(provider.roles)
    for (const [name, [header, claims]] of Object.entries(provider.refused)) {
      expect([name, (await get(app, '/any', bearer(header, claims))).statusCode]).toEqual([name, 401])
    }
    await app.close()
  })

  it('is seen with its relaxations in the description', async () => {
    const app = await guardedBy(provider.options)
    expect(describeSecurity(app)[0]?.policies['auth']).toMatchObject({ jwt: { ...provider.options } })
    await app.close()
  })
})

describe('several providers', () => {
  it('are told apart by the issuer of a token, and no key of one counts for another', async () => {
    const app = Fastify()
    const list = Object.values(providers).filter((_, index) => index !== 1)
    await app.register(auth, { jwt: { issuers: list.map(({ options }) => options) } })
    app.get('/any', { config: { security: { auth: {} } } }, async ({ security }) => security.identity?.claims['iss'])
    await app.ready()
    for (const { header, claims, options } of list)
      expect((await get(app, '/any', bearer(header, claims))).body).toBe(options.issuer)
    const { header } = list[2] as Provider
    const mixed = bearer(header, {
      ...keycloakClaims,
      iss: pool,
      client_id: 'xxxxxxxxxxxxexample',
      token_use: 'access',
    })
    expect((await get(app, '/any', mixed)).statusCode).toBe(401)
    await app.close()
  })
})
