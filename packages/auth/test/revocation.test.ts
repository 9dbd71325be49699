import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import auth, { type AuthOptions, revoke, revokeSubject } from '../src/index.ts'
import type { Revocation } from '../src/revocation/revocations.ts'
import { memberOf, readMember, RevokedTokens } from '../src/revocation/revoked-tokens.ts'
import { get, jwt } from './apps.ts'
import { issuer, token } from './forge.ts'

const now = 1_800_000_000

async function appAt(time: { now: number }, options: Partial<AuthOptions> = {}) {
  const app = Fastify()
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => void events.push(event))
  await app.register(auth, { jwt: { ...jwt, clock: () => time.now * 1000 }, revocation: {}, ...options })
  app.get('/any', { config: { security: { auth: {} } } }, async () => 'ok')
  await app.ready()
  const codeOf = async (given: string): Promise<number> => (await get(app, '/any', `Bearer ${given}`)).statusCode
  return { app, events, codeOf }
}

describe('a revoked token', () => {
  it('is refused from then on, remembered or not, and no other is', async () => {
    const { app, events, codeOf } = await appAt({ now })
    const [one, two] = [token({ iat: now, jti: 'one' }), token({ iat: now, jti: 'two' })]
    expect([await codeOf(one), await codeOf(two)]).toEqual([200, 200])
    await revoke(app, { issuer, tokenId: 'one' })
    expect([await codeOf(one), await codeOf(two)]).toEqual([401, 200])
    expect([await codeOf(one), await codeOf(token({ iat: now, jti: 'one', x: 1 }))]).toEqual([401, 401])
    expect(events.map(({ type, detail }) => [type, detail['reason'] ?? detail['id']])).toEqual([
      ['auth.revoked', 'one'],
      ['auth.failed', 'revoked'],
      ['auth.failed', 'revoked'],
      ['auth.failed', 'revoked'],
    ])
    const answer = await get(app, '/any', `Bearer ${one}`)
    expect(answer.json()).toMatchObject({ code: 'PTC_AUTH_CREDENTIAL_INVALID' })
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="api", error="invalid_token"')
  })

  it('of another issuer with the same id is another token', async () => {
    const { app, codeOf } = await appAt({ now })
    await revoke(app, { issuer: 'https://other.example.com', tokenId: 'one' })
    expect(await codeOf(token({ iat: now, jti: 'one' }))).toBe(200)
  })

  it('is refused until it has expired', async () => {
    const time = { now }
    const { app, codeOf } = await appAt(time)
    const given = token({ iat: now, exp: now + 600, jti: 'one' })
    await revoke(app, { issuer, tokenId: 'one', expires: now + 600 })
    // Whoever revokes again shortens nothing.
    await revoke(app, { issuer, tokenId: 'one', expires: now - 250 })
    for (time.now = now; time.now < now + 1000; time.now += 50) {
      await revoke(app, { issuer, tokenId: `other-${time.now}`, expires: time.now + 1 })
      expect(await codeOf(given)).toBe(401)
    }
  })
})

describe('a revoked subject', () => {
  it('has all its tokens refused that were issued before, and is admitted by later ones', async () => {
    const time = { now }
    const { app, codeOf } = await appAt(time)
    const old = [token({ iat: now - 50, jti: 'a' }), token({ iat: now, jti: 'b' }), token({ iat: now, jti: undefined })]
    for (const given of old) expect(await codeOf(given)).toBe(200)
    await revokeSubject(app, { issuer, subject: 'user-101' })
    for (const given of old) expect(await codeOf(given)).toBe(401)
    expect(await codeOf(token({ iat: now, sub: 'user-102' }))).toBe(200)
    time.now++
    expect(await codeOf(token({ iat: now + 1, jti: 'c' }))).toBe(200)
    expect(await codeOf(old[0] as string)).toBe(401)
  })

  it('keeps its latest time, whatever comes after', async () => {
    const { app, codeOf } = await appAt({ now })
    await revokeSubject(app, { issuer, subject: 'user-101', before: now - 10 })
    await revokeSubject(app, { issuer, subject: 'user-101', before: now - 100 })
    expect(await codeOf(token({ iat: now - 20 }))).toBe(401)
    expect(await codeOf(token({ iat: now - 5 }))).toBe(200)
  })
})

describe('with revocation', () => {
  it.each([
    ['no iat', { iat: undefined }, 401],
    ['an iat in the future', { iat: now + 60 }, 401],
    ['an iat within the tolerance', { iat: now + 4 }, 200],
    ['an iat as old as revocations are kept', { iat: now - 86_400 - 5 }, 401],
    ['an iat a little younger', { iat: now - 86_400 - 4 }, 200],
  ])('a token with %s', async (_name, payload, code) => {
    const { codeOf } = await appAt({ now })
    expect(await codeOf(token(payload))).toBe(code)
  })

  it('switched off nothing can be revoked', async () => {
    const { app, codeOf } = await appAt({ now }, { jwt })
    const bare = Fastify()
    await expect(revoke(bare, { issuer, tokenId: 'x' })).rejects.toMatchObject({ code: 'PTC_AUTH_REVOCATION_ABSENT' })
    await expect(revoke(app, { issuer, tokenId: '' })).rejects.toThrow(TypeError)
    await expect(revoke(app, { issuer: '', tokenId: 'x' })).rejects.toThrow(TypeError)
    await expect(revoke(app, { issuer, tokenId: 'x', expires: 1.5 })).rejects.toThrow(TypeError)
    await expect(revokeSubject(app, { issuer, subject: 'a\nb' })).rejects.toThrow(TypeError)
    await expect(revokeSubject(app, { issuer, subject: 'a', before: Number.NaN })).rejects.toThrow(TypeError)
    // Milliseconds would lock the subject out for ever: nobody shortens a revocation.
    await expect(revokeSubject(app, { issuer, subject: 'a', before: now * 1000 })).rejects.toThrow(TypeError)
    expect(await codeOf('x')).toBe(401)
  })

  it('an inner scope revokes through its app too', async () => {
    const { app, codeOf } = await appAt({ now })
    let inner = app
    const other = Fastify()
    await other.register(auth, { jwt: { ...jwt, clock: () => now * 1000 }, revocation: {} })
    await other.register(async (scope) => void (inner = scope as typeof app))
    other.get('/any', { config: { security: { auth: {} } } }, async () => 'ok')
    await other.ready()
    await revoke(inner, { issuer, tokenId: 'one' })
    const given = token({ iat: now, jti: 'one' })
    expect([(await get(other, '/any', `Bearer ${given}`)).statusCode, await codeOf(given)]).toEqual([401, 200])
  })
})

describe('the list', () => {
  const time = fc.integer({ min: 1, max: 100 })
  const revocation: fc.Arbitrary<Revocation> = fc.oneof(
    fc.record({
      kind: fc.constant('token' as const),
      issuer: fc.constantFrom('a', 'b'),
      id: fc.constantFrom('x', 'y'),
      expires: time,
    }),
    fc.record({
      kind: fc.constant('subject' as const),
      issuer: fc.constantFrom('a', 'b'),
      id: fc.constantFrom('x', 'y'),
      before: time,
      expires: time,
    }),
  )

  it('covers what any of its revocations covers, in whatever order they came', () => {
    fc.assert(
      fc.property(
        fc.array(revocation),
        fc.constantFrom('a', 'b'),
        fc.constantFrom('x', 'y'),
        time,
        (given, iss, id, iat) => {
          const list = new RevokedTokens(100, () => 0)
          for (const one of given) list.add(one)
          const covered = given.some(
            (one) => one.issuer === iss && one.id === id && (one.kind === 'token' || iat < one.before),
          )
          expect(list.covers(id, { iss, jti: id, iat })).toBe(covered)
        },
      ),
    )
  })

  it('is read back from what is written into Redis', () => {
    fc.assert(
      fc.property(revocation, (given) => {
        expect(readMember(memberOf(given), given.expires)).toEqual(given)
      }),
    )
  })

  it.each([
    '',
    'x',
    '[]',
    '["t"]',
    '["t","a",""]',
    '["s","a","b"]',
    '["s","a","b",1.5]',
    '["x","a","b"]',
    '{"t":1}',
    'null',
  ])('takes nothing from %j', (member) => {
    expect(readMember(member, 5)).toBeNull()
  })

  it('does not grow by what is over', () => {
    let at = 1000
    const list = new RevokedTokens(100, () => at)
    for (let index = 0; index < 1000; index++) {
      list.add({ kind: 'token', issuer: 'a', id: `${index}`, expires: at + 100 })
      at++
    }
    expect(list.size).toBeLessThan(200)
  })
})
