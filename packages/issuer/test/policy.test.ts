import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { accessClaims } from '../src/sessions/access-token.ts'
import { isDue, publicJwk, createKeyPair, completed, pruned, rotated } from '../src/keys/key-ring.ts'
import { createRefreshToken, hashRefreshToken, judge, successorOf } from '../src/sessions/refresh-token.ts'
import type { FoundToken, StoredKey } from '../src/stores/store.ts'
import { createWrapping } from '../src/keys/wrapping.ts'

const session: FoundToken['session'] = {
  id: 's',
  subject: 'u',
  clientId: 'c',
  scopes: [],
  claims: {},
  label: '',
  authTime: 0,
  createdAt: 0,
  lastUsedAt: 0,
  idleUntil: 1000,
  expiresAt: 2000,
  endedAt: null,
}
const fresh: FoundToken['token'] = {
  hash: 'h',
  sessionId: 's',
  tokenId: 't',
  issuedAt: 0,
  usedAt: null,
  nonce: null,
  nextTokenId: null,
}
const used = { ...fresh, usedAt: 100, nonce: 'n', nextTokenId: 't2' }

describe('a refresh token', () => {
  it.each([
    ['ended', null, 0],
    ['rotate', { session, token: fresh }, 0],
    ['rotate', { session, token: fresh }, 999.9],
    ['ended', { session, token: fresh }, 1000],
    ['ended', { session: { ...session, idleUntil: 9000 }, token: fresh }, 2000],
    ['ended', { session: { ...session, endedAt: 5 }, token: fresh }, 6],
    ['again', { session, token: used }, 100],
    // Clocks of two processes differ.
    ['again', { session, token: used }, 99],
    ['again', { session, token: used }, 109.9],
    ['reused', { session, token: used }, 110],
    ['reused', { session, token: { ...used, nonce: null } }, 101],
    ['ended', { session: { ...session, endedAt: 105 }, token: used }, 106],
  ] as const)('is judged %s: case %#', (judgement, found, now) => {
    expect(judge(found, now, 10)).toBe(judgement)
  })

  it('has one successor for each nonce, which neither the nonce nor the hash gives away', () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((array) => Buffer.from(array))
    fc.assert(
      fc.property(bytes, bytes, bytes, (one, other, nonce) => {
        const [left, right] = [createRefreshToken(() => one), createRefreshToken(() => other)]
        const successor = successorOf(left, nonce.toString('base64url'))
        expect(successor).toMatch(/^[\w-]{43}$/)
        expect(successorOf(left, nonce.toString('base64url'))).toBe(successor)
        expect(successorOf(right, nonce.toString('base64url')) === successor).toBe(left === right)
        expect(successorOf(hashRefreshToken(left), nonce.toString('base64url'))).not.toBe(successor)
      }),
    )
  })
})

describe('the ring', () => {
  const rules = { algorithm: 'ES256', rotateAfter: 1000, publishAhead: 100, retireFor: 50 } as const
  let count = 0
  const make = (now: number): StoredKey => ({
    kid: `k${count++}`,
    algorithm: 'ES256',
    state: 'next',
    publicKey: '',
    privateKey: 'wrapped',
    createdAt: now,
    changedAt: now,
  })

  it('always has one key that signs and one to come, and never signs with an unpublished one', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 40 }), (steps) => {
        let now = 0
        let keys = completed([], now, make)
        const published = new Map(keys.map(({ kid }) => [kid, now]))
        const begun = keys[0]?.kid
        for (const step of steps) {
          now += step
          if (isDue(keys, now, rules)) keys = rotated(keys, now, make)
          keys = pruned(keys, now, rules)
          for (const { kid } of keys) if (!published.has(kid)) published.set(kid, now)
          expect(keys.map(({ state }) => state).slice(0, 2)).toEqual(['current', 'next'])
          const [current] = keys as [StoredKey]
          if (current.kid !== begun)
            expect(current.changedAt - (published.get(current.kid) ?? 0)).toBeGreaterThanOrEqual(100)
          for (const { state, privateKey, changedAt } of keys)
            if (state === 'retired') expect([privateKey, now < changedAt + 50]).toEqual([null, true])
        }
      }),
    )
  })

  it.each(['ES256', 'EdDSA'] as const)('publishes nothing but the public members of %s', (algorithm) => {
    const { publicKey } = createKeyPair(algorithm)
    const members = ['alg', 'crv', 'kid', 'kty', 'use', 'x', ...(algorithm === 'ES256' ? ['y'] : [])]
    expect(Object.keys(publicJwk(publicKey, algorithm)).toSorted()).toEqual(members)
  })

  it('names a key by its RFC 7638 thumbprint', () => {
    // RFC 8037 appendix A.3.
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
    const key = { export: () => jwk } as never
    expect(publicJwk(key, 'EdDSA').kid).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
  })
})

it('a wrapped key opens with its own secret and name alone', () => {
  const random = (size: number): Buffer => Buffer.alloc(size, 7)
  const wrapping = createWrapping('a'.repeat(32), random)
  const wrapped = wrapping.wrap('PRIVATE', 'kid-1')
  expect(wrapping.unwrap(wrapped, 'kid-1')).toBe('PRIVATE')
  const altered = Buffer.from(wrapped, 'base64')
  altered[14] = (altered[14] ?? 0) ^ 1
  for (const attempt of [
    () => wrapping.unwrap(wrapped, 'kid-2'),
    () => createWrapping('b'.repeat(32), random).unwrap(wrapped, 'kid-1'),
    () => wrapping.unwrap(altered.toString('base64'), 'kid-1'),
    () => wrapping.unwrap('', 'kid-1'),
  ])
    expect(attempt).toThrow()
})

it('the issuer’s claims come last: nothing replaces them', () => {
  const facts = { subject: 'u', sessionId: 's', clientId: 'c', scopes: [], tokenId: 't', authTime: 5.9, issuedAt: 7.9 }
  const claims = accessClaims(
    { ...facts, claims: { iss: 'x', exp: 1e9, role: 'a' } },
    { issuer: 'i', audience: 'a', lifetime: 300 },
  )
  expect(claims).toEqual({
    iss: 'i',
    aud: 'a',
    sub: 'u',
    client_id: 'c',
    sid: 's',
    jti: 't',
    auth_time: 5,
    iat: 7,
    exp: 307,
    role: 'a',
  })
})
