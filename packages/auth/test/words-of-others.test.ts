import { copied, patched } from '@portcullis/testing/patch'
import { describe, expect, it, vi } from 'vitest'
import type { AuthOptions } from '../src/index.ts'
import { boot, type Refused, refusalOf } from './booting.ts'
import { audience, issuer, pem, secret } from './forge.ts'

// No test asks a real issuer.
vi.mock('../src/remote/json.ts', async (original) => ({
  ...(await original<object>()),
  fetchRemote: () => Promise.reject(new Error('away')),
}))

const fixed = ({ mistakes }: Refused, given: unknown): unknown =>
  mistakes.reduce<unknown>((document, { fix }) => patched(document, fix), copied(given))
const jwks = 'https://127.0.0.1:1/jwks'
const url = 'https://id.example.com/introspect'
const verify = () => null
const full = { key: secret, algorithms: ['HS256'], issuer, audience }

describe('options as other packages spell them', () => {
  it.each<[name: string, given: unknown, meant: unknown]>([
    [
      '@fastify/jwt, one level too high',
      { secret, allowedIss: issuer, allowedAud: audience, algorithms: ['HS256'] },
      { jwt: full },
    ],
    [
      '@fastify/jwt',
      { jwt: { secret, allowedIss: issuer, allowedAud: audience, algorithms: ['HS256'] } },
      { jwt: full },
    ],
    [
      '@fastify/jwt, its public key',
      { jwt: { public: pem, issuer, audience, algorithms: ['ES256'] } },
      { jwt: { key: pem, issuer, audience, algorithms: ['ES256'] } },
    ],
    ['passport-jwt', { jwt: { secretOrKey: secret, issuer, audience, algorithms: ['HS256'] } }, { jwt: full }],
    [
      'express-oauth2-jwt-bearer',
      { jwt: { issuer, audience, jwksUri: jwks, tokenSigningAlg: 'RS256' } },
      { jwt: { issuer, audience, jwks, algorithms: ['RS256'] } },
    ],
    ['claims', { jwt: { iss: issuer, aud: audience, jwks_uri: jwks } }, { jwt: { issuer, audience, jwks } }],
    [
      'claims, in a list of issuers',
      { jwt: { aud: audience, issuers: [{ iss: issuer, jwksUrl: jwks }] } },
      { jwt: { audience, issuers: [{ issuer, jwks }] } },
    ],
    [
      'an OAuth client',
      { introspection: { introspection_endpoint: url, client_id: 'a', secret: 'b', aud: audience } },
      { introspection: { endpoint: url, clientId: 'a', clientSecret: 'b', audience } },
    ],
    ['@fastify/basic-auth', { validate: verify }, { basic: { verify } }],
  ])('are told what they are called here, and mended by that alone: %s', async (_name, given, meant) => {
    const refused = await refusalOf(given)
    expect(fixed(refused, given)).toEqual(meant)
    expect((refused as Refused & Error).message).not.toContain(secret)
    await boot(meant as AuthOptions)
  })
})

describe('the smallest configuration', () => {
  const said = async (options: unknown): Promise<string> => ((await refusalOf(options)) as Refused & Error).message

  it.each<[string, unknown, string[]]>([
    [
      'nothing',
      undefined,
      ["write jwt: { issuer: 'https://id.example.com', audience: 'https://api.example.com', discovery: true }"],
    ],
    [
      'jwt',
      { jwt: {} },
      ["issuer: 'https://id.example.com'", "audience: 'https://api.example.com'", 'discovery: true'],
    ],
    [
      'introspection',
      { introspection: {} },
      ['write endpoint: ', 'write clientId: ', 'give its secret', 'write audience: '],
    ],
    ['apiKeys', { apiKeys: {} }, ['write keys: [entry] with an entry of createApiKey()', 'find: (id) => null']],
    ['basic', { basic: {} }, ['write verify: () => null']],
    ['session', { session: {} }, ['write find: () => null']],
    [
      'clientCertificate',
      { clientCertificate: {} },
      ["write identities: [{ name: 'DNS:billing.internal', subject: 'billing' }]"],
    ],
  ])('is printed for %s', async (_name, options, parts) => {
    const message = await said(options)
    for (const part of parts) expect(message).toContain(part)
  })

  it('that is printed for nothing boots', async () => {
    const printed = /write jwt: (\{.*?\})/.exec(await said({}))?.[1] ?? ''
    const written = printed.replaceAll("'", '"').replaceAll(/(\w+): /g, '"$1": ')
    await boot({ jwt: JSON.parse(written) as object })
  })
})
