import type { CallerOf } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { policyField } from '../src/fields.ts'
import { sentenceOf } from '../src/exceeded.ts'
import type { PartitionBy } from '../src/policy-options.ts'
import { parsePolicy, sameQuota } from '../src/policy.ts'
import { compileSubject } from '../src/subject.ts'

const quota = { name: 'q', limit: 5, window: 60 }

describe('a policy', () => {
  it('is a frozen fixed window by address unless it says otherwise', () => {
    const parsed = parsePolicy(quota)
    expect(parsed).toMatchObject({
      algorithm: 'fixed-window',
      limit: 5,
      burst: undefined,
      cost: 1,
      partitionBy: 'ip',
      sentence: 'seconds',
      stage: 'onRequest',
    })
    expect(Object.isFrozen(parsed)).toBe(true)
  })

  it('by identity is decided after authentication, every other one before', () => {
    expect(parsePolicy({ ...quota, partitionBy: 'identity' }).stage).toBe('preParsing')
    for (const partitionBy of ['ip', 'api-key', () => null] as const)
      expect(parsePolicy({ ...quota, partitionBy }).stage).toBe('onRequest')
  })

  it.each([
    ['limit', { limit: 6 }, false],
    ['window', { window: 61 }, false],
    ['algorithm', { algorithm: 'token-bucket' }, false],
    ['partition', { partitionBy: 'api-key' }, false],
    ['cost', { cost: 2 }, true],
    ['sentence', { sentence: 'later' }, true],
  ] as const)('of another %s is another quota, or the same', (_, change, same) => {
    expect(sameQuota(parsePolicy(quota), parsePolicy({ ...quota, ...change }))).toBe(same)
  })

  it('is advertised as an RFC 9651 list', () => {
    expect(
      policyField([parsePolicy(quota), parsePolicy({ ...quota, name: 'r', algorithm: 'token-bucket', burst: 2 })]),
    ).toBe('"q";q=5;w=60, "r";q=5;w=60')
  })

  it('counts one second in the singular', () => {
    expect([sentenceOf('seconds', 1), sentenceOf('seconds', 2)]).toEqual([
      'Rate limit exceeded. Try again in 1 second.',
      'Rate limit exceeded. Try again in 2 seconds.',
    ])
  })
})

/** The namer of a partition. */
const naming = (partitionBy: PartitionBy, told: (error: unknown) => void = never): CallerOf =>
  compileSubject({ partitionBy, per: [] }, 'x-api-key', told)
const never = (): never => {
  throw new Error('not expected')
}

describe('whose quota it is', () => {
  const request = (more: object = {}): FastifyRequest =>
    ({ ip: '192.0.2.1', headers: {}, security: { identity: null }, ...more }) as unknown as FastifyRequest
  const known = (subject: string, scheme = 'jwt', claims: object = {}): FastifyRequest =>
    request({ security: { identity: { subject, scheme, claims, scopes: [], credentialId: null } } })
  it('is the address’s where there is no identity, no key and no name', () => {
    const address = naming('ip')(request())
    for (const partitionBy of ['identity', 'api-key', () => null, () => '', () => undefined as never] as const) {
      expect(naming(partitionBy)(request())).toBe(address)
    }
  })

  it('is the address’s when the function throws, promises or gives no string, and says so', async () => {
    const told = vi.fn()
    const address = naming('ip')(request())
    const boom = (): never => {
      throw new Error('boom')
    }
    const promise = (): never => Promise.reject(new Error('late')) as never
    expect(naming(boom, told)(request())).toBe(address)
    expect(naming(promise, told)(request())).toBe(address)
    const garbage = [7, true, {}, ['x'], Symbol('x'), 1n, new Proxy({}, { get: boom })]
    for (const value of garbage) expect(naming(() => value as never, told)(request())).toBe(address)
    await new Promise(setImmediate)
    expect(told).toHaveBeenCalledTimes(2 + garbage.length)
  })

  it('is never the same for two different identities', () => {
    const of = naming('identity')
    const person = fc.tuple(
      fc.string({ maxLength: 80 }),
      fc.constantFrom('jwt', 'basic', 'api-key'),
      fc.option(fc.string({ maxLength: 8 })),
    )
    fc.assert(
      fc.property(person, person, (one, other) => {
        const key = ([subject, scheme, iss]: typeof one): string =>
          of(known(subject, scheme, iss === null ? {} : { iss }))
        const same = one[0] === other[0] && one[1] === other[1] && (one[2] ?? '') === (other[2] ?? '')
        expect(key(one) === key(other)).toBe(same)
      }),
    )
  })

  it.each([
    [
      ['ab', 'c'],
      ['a', 'bc'],
    ],
    [
      ['', '1:ab'],
      ['a', 'b'],
    ],
    [
      ['a', ''],
      ['', 'a'],
    ],
  ] as const)('keeps issuer and subject apart where they run together: %j and %j', (...pair) => {
    const of = naming('identity')
    const [one, other] = pair.map(([iss, subject]) => of(known(subject, 'jwt', { iss })))
    expect(one).not.toBe(other)
  })

  it('never crosses kinds, whatever a function or an address spells', () => {
    const address = naming('ip')(request())
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.constant(address),
          fc.constant(address.slice(1)),
          fc.string({ minLength: 65, maxLength: 200 }),
        ),
        (name) => {
          const key = naming(() => name)(request())
          if (name !== '') expect(key).not.toBe(address)
          expect(key.length).toBeLessThanOrEqual(65)
        },
      ),
    )
  })

  it('never holds an API key in clear', () => {
    const key = naming('api-key')(request({ headers: { 'x-api-key': 'secret-of-mine' } }))
    expect(key).toMatch(/^k[\w-]{43}$/)
  })
})
