import { describe, expect, it } from 'vitest'
import { credentialsOf, isRepeated } from '../src/access/authorization.ts'
import { challengeOf } from '../src/answers/challenge.ts'
import { identityOf, type Scheme, type Strategy } from '../src/identity.ts'
import { ask } from '../src/remote/look-up.ts'
import { compileGate } from '../src/policy.ts'
import { Outage } from '../src/remote/outage.ts'

const strategies: Strategy[] = (['jwt', 'api-key', 'basic'] as Scheme[]).map((scheme) => ({
  scheme,
  find: (fields) => (fields[scheme] as string | undefined) ?? null,
  verify: () => 'unknown',
}))
const parts = { strategies, realm: 'api', header: 'x-api-key', admission: 'declared' } as const
const identity = identityOf({ subject: 's', scheme: 'api-key', scopes: ['a', 'b'] })

describe('a policy', () => {
  it.each([
    [undefined, {}, 'PTC_AUTH_CREDENTIAL_MISSING'],
    [undefined, { jwt: 't' }, 'jwt'],
    [undefined, { 'api-key': 't' }, 'api-key'],
    [undefined, { jwt: '', basic: '' }, 'PTC_AUTH_CREDENTIALS_AMBIGUOUS'],
    [['jwt'], { 'api-key': 't' }, 'PTC_AUTH_CREDENTIAL_MISSING'],
    [['jwt'], { 'api-key': 't', jwt: 't' }, 'jwt'],
    [['basic', 'api-key'], { jwt: 't', basic: 't' }, 'basic'],
  ] as [Scheme[] | undefined, Record<string, string>, string][])('of %j finds in %j: %s', (anyOf, fields, found) => {
    const verdict = compileGate({ ...parts, anyOf }).find(fields, [])
    expect('strategy' in verdict ? verdict.strategy.scheme : verdict.code).toBe(found)
  })

  it.each([
    [[], 'declared', undefined],
    [['a'], 'declared', undefined],
    [['b', 'a'], 'declared', undefined],
    [['a', 'c'], 'declared', 'PTC_AUTH_SCOPE_INSUFFICIENT'],
    [['A'], 'declared', 'PTC_AUTH_SCOPE_INSUFFICIENT'],
    [[], 'undeclared', 'PTC_AUTH_ROUTE_CLOSED'],
    [[], 'not-found', undefined],
  ] as const)('needing %j of a route that is %s says: %s', (scopes, admission, code) => {
    expect(compileGate({ ...parts, scopes, admission }).judge(identity)?.code).toBe(code)
  })

  it('makes each refusal of a credential once', () => {
    const gate = compileGate(parts)
    expect(gate.refuse('jwt', 'signature')).toBe(gate.refuse('jwt', 'signature'))
    expect(gate.refuse('jwt', 'signature')).not.toBe(gate.refuse('basic', 'unknown'))
  })

  it('names the error to the bearer only', () => {
    const field = (scheme: Scheme) => compileGate(parts).refuse(scheme, 'unknown').details.fields?.['www-authenticate']
    expect(field('jwt')).toEqual([
      'Bearer realm="api", error="invalid_token"',
      'ApiKey realm="api", header="x-api-key"',
      'Basic realm="api", charset="UTF-8"',
    ])
    expect(field('basic')?.[0]).toBe('Bearer realm="api"')
  })
})

describe('the Authorization field', () => {
  it.each([
    ['Bearer abc', 'bearer', 'abc'],
    ['BEARER   abc', 'bearer', 'abc'],
    ['Bearer', 'bearer', ''],
    ['Bearerabc', 'bearer', null],
    ['Bearer\tabc', 'bearer', null],
    ['Bearer a b', 'bearer', 'a b'],
    ['Basic abc', 'bearer', null],
    ['', 'bearer', null],
    [undefined, 'bearer', null],
    [['Bearer a'], 'bearer', null],
  ])('%j holds for %s: %j', (authorization, scheme, credentials) => {
    expect(credentialsOf({ authorization }, scheme)).toBe(credentials)
  })

  it.each([
    [['Host', 'x', 'Authorization', 'a'], false],
    [['Authorization', 'a', 'AUTHORIZATION', 'b'], true],
    [['x', 'authorization', 'Authorization', 'a'], false],
    [[], false],
  ])('of %j is repeated: %s', (rawHeaders, repeated) => {
    expect(isRepeated(rawHeaders)).toBe(repeated)
  })
})

describe('a challenge', () => {
  it('tells which scopes would do', () => {
    expect(challengeOf('jwt', parts, { error: 'insufficient_scope', scopes: ['a', 'b'] })).toBe(
      'Bearer realm="api", error="insufficient_scope", scope="a b"',
    )
  })
})

describe('a look-up', () => {
  const failures: unknown[] = []
  const lookUp = {
    timeoutMs: 1000,
    onFailure: (error: unknown) => void failures.push(error),
    outage: new Outage(Date.now),
  }

  it('that answers at once is answered at once', () => {
    expect(
      ask(
        () => 1,
        (value) => value,
        lookUp,
      ),
    ).toBe(1)
  })

  it('that answers later is waited for', async () => {
    expect(
      await ask(
        async () => 1,
        (value) => value,
        lookUp,
      ),
    ).toBe(1)
  })

  it('whose answer cannot be read is unavailable', async () => {
    const read = (): never => {
      throw new TypeError('no')
    }
    expect([ask(() => 1, read, lookUp), await ask(async () => 1, read, lookUp)]).toEqual(['unavailable', 'unavailable'])
    expect(failures).toHaveLength(2)
  })
})
