import { createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import { jwtVerify } from 'jose'
import { expect, it } from 'vitest'
import { guarded, get, jwt } from './apps.ts'
import { audience, claims, es256, issuer, secret, signed, withEs256, withHs256 } from './forge.ts'

const options = {
  issuer,
  audience,
  typ: 'at+jwt',
  requiredClaims: ['sub', 'exp'],
  clockTolerance: 5,
}

/** What tokens are mixed from: now and then exactly what is right, mostly something near it. */
const near = (right: unknown): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 60, arbitrary: fc.constant(right) },
    { weight: 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constant([right]) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  )

const headerOf = (algorithm: string) =>
  fc.record({
    alg: near(algorithm),
    typ: near('at+jwt'),
    kid: near('key-1'),
    extra: fc.option(fc.constantFrom('crit', 'b64', 'jwk', 'x5t', 'cty', 'zip', 'note'), { freq: 6 }),
  })
const payload = fc.record({
  iss: near(claims['iss']),
  aud: near(claims['aud']),
  sub: near(claims['sub']),
  exp: near(claims['exp']),
  nbf: near(1_000_000_000),
  iat: near(1_000_000_000),
  jti: near('token-1'),
  scope: near('profile:read'),
})
/** What is done to the bytes of a token that is signed. */
const damage = fc.oneof(
  { weight: 9, arbitrary: fc.constant((token: string) => token) },
  { weight: 1, arbitrary: fc.nat().map((at) => (token: string) => token.slice(0, at % token.length)) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(), fc.constantFrom('A', 'Z', 'a', '0', '-', '_', '.', '='))
      .map(([at, char]) => (token: string) => {
        const place = at % token.length
        return token.slice(0, place) + char + token.slice(place + 1)
      }),
  },
)

it.each([
  ['ES256' as const, es256.publicKey, withEs256(es256.privateKey)],
  // Its signature is checked first, and its claims are read of what that read.
  ['HS256' as const, createSecretKey(Buffer.from(secret)), withHs256(secret)],
])(
  'no %s token is accepted here that jose refuses',
  async (algorithm, key, signer) => {
    const { app } = await guarded({ jwt: { ...jwt, key, algorithms: [algorithm] } })
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(headerOf(algorithm), payload, damage, async ({ extra, ...head }, body, change) => {
        const full = extra === null ? head : { ...head, [extra]: extra === 'crit' ? ['exp'] : 'x' }
        const token = change(signed(full, body, signer))
        const ours = (await get(app, '/any', `Bearer ${token}`)).statusCode
        expect([200, 401]).toContain(ours)
        if (ours !== 200) return
        accepted++
        await jwtVerify(token, key, { ...options, algorithms: [algorithm] })
      }),
      { numRuns: 2000 },
    )
    expect(accepted).toBeGreaterThan(200)
  },
  60_000,
)
