import { describeSecurity } from '@portcullis/kernel'
import { describe, expect, it } from 'vitest'
import { get, guarded, jwt } from './apps.ts'
import { audience, claims, es256, hmacToken, secret, signed, stranger, token, withEs256, withHs256 } from './forge.ts'
import { IdentityProvider } from './identity-provider.ts'

const other = 'https://other.example.com'
const of = (iss: string, alg: string, signer: (input: string) => Buffer, typ = 'at+jwt'): string =>
  signed({ alg, typ }, { ...claims, iss }, signer)

describe('several issuers', () => {
  it('have each their own keys and algorithms, and no token of one passes for one of another', async () => {
    const { app, events } = await guarded({
      jwt: {
        audience,
        issuers: [
          jwt,
          { issuer: other, key: stranger.publicKey, algorithms: ['ES256'] },
          { issuer: 'https://third.example.com', key: secret, algorithms: ['HS256'] },
        ],
      },
    })
    const codeOf = async (given: string): Promise<number> => (await get(app, '/any', `Bearer ${given}`)).statusCode
    const good = [
      token(),
      of(other, 'ES256', withEs256(stranger.privateKey)),
      of('https://third.example.com', 'HS256', withHs256(secret)),
    ]
    for (const given of good) expect(await codeOf(given)).toBe(200)
    const crossed = [
      of(other, 'ES256', withEs256(es256.privateKey)),
      token({ iss: other }),
      of(jwt.issuer, 'ES256', withEs256(stranger.privateKey)),
      hmacToken(),
      of(other, 'HS256', withHs256(secret)),
      of('https://third.example.com', 'ES256', withEs256(es256.privateKey)),
      token({ iss: 'https://fourth.example.com' }),
      token({ iss: '__proto__' }),
      token({ iss: 'constructor' }),
    ]
    for (const given of crossed) expect(await codeOf(given)).toBe(401)
    expect(events.map(({ detail }) => detail['reason'])).toEqual([
      ...Array(3).fill('signature'),
      ...Array(3).fill('algorithm'),
      ...Array(3).fill('issuer'),
    ])
  })

  it('take from beside the list what they leave out, and the description shows who is laxer', async () => {
    const issuers = [jwt, { issuer: other, key: stranger.publicKey, algorithms: ['ES256' as const], tokenType: 'JWT' }]
    const { app } = await guarded({ jwt: { audience, issuers, scopesClaim: 'permissions' } })
    const codeOf = async (given: string): Promise<number> => (await get(app, '/any', `Bearer ${given}`)).statusCode
    const signer = withEs256(stranger.privateKey)
    expect([await codeOf(of(other, 'ES256', signer, 'JWT')), await codeOf(of(other, 'ES256', signer))]).toEqual([
      200, 401,
    ])
    expect([await codeOf(token()), await codeOf(token({}, { typ: 'JWT' }))]).toEqual([200, 401])
    const scoped = await get(app, '/profile', `Bearer ${token({ permissions: ['profile:read'], scope: 'other' })}`)
    expect(scoped.statusCode).toBe(200)
    expect(describeSecurity(app).find(({ url }) => url === '/any')?.policies['auth']).toMatchObject({
      jwt: { tokenType: 'at+jwt', issuers: [{ key: '[secret]' }, { key: '[secret]', tokenType: 'JWT' }] },
    })
  })

  it('that publish their keys have each their own', async () => {
    const [one, two] = [await IdentityProvider.start(), await IdentityProvider.start()]
    const issuers = [one, two].map(({ origin, jwks, ca }) => ({ issuer: origin, jwks, ca }))
    const { app } = await guarded({ jwt: { audience, algorithms: ['ES256'], issuers } })
    const codeOf = async (given: string): Promise<number> => (await get(app, '/any', `Bearer ${given}`)).statusCode
    expect([await codeOf(one.token()), await codeOf(two.token())]).toEqual([200, 200])
    // Both name their key key-1.
    expect(await codeOf(one.token(two.keys[0]))).toBe(401)
    expect(await codeOf(two.token(undefined, { iss: one.origin }))).toBe(401)
    // One that is away takes nobody else with it.
    one.instead = (_request, response) => void response.writeHead(503).end()
    expect(await codeOf(two.token(undefined, { jti: 'b' }))).toBe(200)
    await app.close()
    await Promise.all([one.stop(), two.stop()])
  })
})
