import { patched } from '@portcullis/testing/patch'
import { describeSecurity } from '@portcullis/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AuthOptions, keycloak, revokeSubject } from '../src/index.ts'
import { claimAt } from '../src/jwt/claims.ts'
import { get, guarded, jwt } from './apps.ts'
import { boot, refusalOf } from './booting.ts'
import { claims, es256, issuer, signed, token, withEs256 } from './forge.ts'

const identityBy = async (options: AuthOptions, given: string): Promise<Record<string, unknown> | number> => {
  const { app } = await guarded(options)
  const answer = await get(app, '/any', `Bearer ${given}`)
  return answer.statusCode === 200
    ? (answer.json() as { identity: Record<string, unknown> }).identity
    : answer.statusCode
}

describe('roles and scopes', () => {
  const nested = {
    realm_access: { roles: ['clerk'] },
    resource_access: { 'orders.api': { roles: ['manager'] }, account: { roles: 'admin' } },
    'https://example.com/roles': ['owner'],
    'a.b': ['dotted'],
    authorization: { scopes: 'orders:read orders:write' },
  }

  it.each<[string, string | string[], string[] | undefined]>([
    ['of a Keycloak realm', ['realm_access', 'roles'], ['clerk']],
    ['of a Keycloak client whose name holds a dot', ['resource_access', 'orders.api', 'roles'], ['manager']],
    ['of a claim with a namespace (Auth0)', 'https://example.com/roles', ['owner']],
    ['of a claim with a dot in its name', 'a.b', ['dotted']],
    ['that are one text', ['resource_access', 'account', 'roles'], undefined],
    ['behind a text', ['iss', 'length'], undefined],
    ['behind nothing', ['nowhere', 'roles'], undefined],
    ['that every object inherits', ['realm_access', 'constructor', 'name'], undefined],
  ])('are found where options say: %s', async (_name, rolesClaim, roles) => {
    expect(await identityBy({ jwt: { ...jwt, rolesClaim } }, token(nested))).toMatchObject(
      roles === undefined ? { subject: 'user-101' } : { roles },
    )
    if (roles === undefined)
      expect(await identityBy({ jwt: { ...jwt, rolesClaim } }, token(nested))).not.toHaveProperty('roles')
  })

  it('of a token are those within another claim, and malformed ones there refuse it', async () => {
    const options = { jwt: { ...jwt, scopesClaim: ['authorization', 'scopes'] } }
    expect(await identityBy(options, token(nested))).toMatchObject({ scopes: ['orders:read', 'orders:write'] })
    expect(await identityBy(options, token({ authorization: {} }))).toMatchObject({ scopes: [] })
    expect(await identityBy(options, token({ authorization: { scopes: 'a"b' } }))).toBe(401)
    expect(await identityBy(options, token({ authorization: { scopes: null } }))).toBe(401)
  })

  it('are never those of a prototype, whatever the names', () => {
    const name = fc.oneof(
      fc.constantFrom('__proto__', 'constructor', 'prototype', 'toString', 'length', '0'),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 4 }), (path) => {
        expect(claimAt({}, path)).toBeUndefined()
      }),
    )
  })

  it.each<[string, string, string[]]>([
    ['rolesClaim', 'realm_access.roles', ['realm_access', 'roles']],
    ['rolesClaim', 'resource_access.orders.api.roles', ['resource_access', 'orders.api', 'roles']],
  ])('that are sought at %s: %s do not boot, and the fix does', async (name, written, value) => {
    const options = { jwt: { ...jwt, [name]: written } }
    const { mistakes } = await refusalOf(options)
    expect(mistakes).toMatchObject([{ path: `jwt.${name}`, rule: 'path-as-text' }])
    const mended = patched(options, mistakes[0]?.fix ?? []) as { jwt: Record<string, unknown> }
    expect(mended.jwt[name]).toEqual(value)
    await boot(mended)
  })

  it('of a Keycloak client count where it is named', () => {
    const given = { url: 'https://sso.example.com', realm: 'shop', audience: 'orders' }
    expect(keycloak(given).rolesClaim).toEqual(['realm_access', 'roles'])
    expect(keycloak({ ...given, client: 'orders' }).rolesClaim).toEqual(['resource_access', 'orders', 'roles'])
  })
})

describe('a token without a subject', () => {
  const { sub: _sub, ...anonymous } = claims
  const machine = (differs: object = {}): string =>
    signed(
      { alg: 'ES256', typ: 'at+jwt' },
      { ...anonymous, client_id: 'billing', ...differs },
      withEs256(es256.privateKey),
    )

  it('is refused, and admits the client that subjectClaim names', async () => {
    expect(await identityBy({ jwt }, machine())).toBe(401)
    const options = { jwt: { ...jwt, subjectClaim: 'client_id' } }
    expect(await identityBy(options, machine())).toMatchObject({ subject: 'billing' })
    for (const differs of [{ client_id: undefined }, { client_id: '' }, { client_id: { $gt: '' } }, { sub: 7 }])
      expect(await identityBy(options, machine(differs))).toBe(401)
  })

  it('is told in the description', async () => {
    for (const [given, told] of [
      [{ ...jwt, subjectClaim: 'client_id' }, 'client_id'],
      [jwt, 'sub'],
    ] as const) {
      const { app } = await guarded({ jwt: given })
      const described = describeSecurity(app).find(({ url }) => url === '/any')
      expect(described?.policies['auth']).toMatchObject({ jwt: { subjectClaim: told } })
    }
  })

  it('is revoked by the name that it is known by', async () => {
    const iat = Math.floor(Date.now() / 1000) - 10
    const { app } = await guarded({ jwt: { ...jwt, subjectClaim: 'client_id' }, revocation: {} })
    const statusOf = async (given: string) => (await get(app, '/any', `Bearer ${given}`)).statusCode
    const exp = iat + 600
    expect(await statusOf(machine({ iat, exp }))).toBe(200)
    await revokeSubject(app, { issuer, subject: 'billing' })
    expect(await statusOf(machine({ iat, exp }))).toBe(401)
    expect(await statusOf(machine({ iat, exp, client_id: 'other' }))).toBe(200)
  })
})
