import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, type JSONWebKeySet, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { internalKeySet } from '../src/index.ts'
import { readPublicHalf, thumbprint } from '../src/internal-keys.ts'
import { TokenMint } from '../src/internal-token.ts'

const p256 = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const ed25519 = (): KeyObject => generateKeyPairSync('ed25519').privateKey
const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString()
const setOf = (text: string): JSONWebKeySet => JSON.parse(text) as JSONWebKeySet

describe('the thumbprint of a key', () => {
  it.each([
    ['P-256', p256()],
    ['Ed25519', ed25519()],
  ])('is that of RFC 7638 for %s, whichever half it is taken of', async (_, key) => {
    const expected = await calculateJwkThumbprint(await exportJWK(createPublicKey(pem(key))))
    expect([thumbprint(key), thumbprint(pem(key)), thumbprint(createPublicKey(pem(key)))]).toEqual(
      Array(3).fill(expected),
    )
  })
})

describe('the key set', () => {
  it('verifies what the key signs, and what the others signed', async () => {
    const [next, current, previous] = [ed25519(), p256(), p256()]
    const otherKeys = [{ key: createPublicKey(pem(next)), keyId: 'next' }, { key: pem(previous) }]
    const set = createLocalJWKSet(setOf(internalKeySet({ issuer: 'gateway', key: current, otherKeys })))
    for (const [key, keyId, algorithm] of [
      [next, 'next', 'EdDSA'],
      [current, thumbprint(current), 'ES256'],
      [previous, thumbprint(previous), 'ES256'],
    ] as const) {
      const terms = { issuer: 'gateway', key, keyId, algorithm, lifetime: 60, claims: [] }
      const field = new TokenMint(terms, 'user-service', Date.now, () => 'a').field(null)
      await expect(jwtVerify(field.slice('Bearer '.length), set)).resolves.toMatchObject({
        protectedHeader: { kid: keyId },
      })
    }
  })

  it('holds no private half', () => {
    const set = setOf(internalKeySet({ issuer: 'gateway', key: pem(p256()), otherKeys: [{ key: ed25519() }] }))
    expect(set.keys.map((key) => Object.keys(key).toSorted())).toEqual([
      ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
      ['alg', 'crv', 'kid', 'kty', 'use', 'x'],
    ])
  })

  it('names a key once', () => {
    const key = p256()
    expect(setOf(internalKeySet({ issuer: 'gateway', key, otherKeys: [{ key }] })).keys).toHaveLength(1)
  })
})

it.each([
  ['no key', 'x'],
  ['an RSA key', pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)],
  ['P-384', pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey)],
])('%s is not published', (_, key) => {
  expect(readPublicHalf(key)).toEqual(expect.any(String))
})
