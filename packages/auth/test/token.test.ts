import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { trustedIssuers } from '../src/jwt/issuers.ts'
import {
  canonicalBytes,
  decodeCanonical,
  hasPlainMembers,
  isShallow,
  readEncodedObject,
} from '../src/jwt/json-object.ts'
import { jwtStrategy } from '../src/jwt/strategy.ts'
import { givenKey } from '../src/keys/sources.ts'
import { scopesOf } from '../src/jwt/claims.ts'
import type { TokenRules } from '../src/jwt/token.ts'
import { VerifiedTokens } from '../src/jwt/verified-tokens.ts'
import { audience, claims, encode, es256, hmacToken, issuer, secret, signed, token, withHs256 } from './forge.ts'

const rules: TokenRules = {
  issuers: new Map(
    trustedIssuers({ key: es256.publicKey, algorithms: ['ES256'], issuer, audience }).map((one) => [issuer, one.rules]),
  ),
  clockTolerance: 5,
  maxBytes: 8192,
}

const sourcesOf = (engine: (given: string) => void) => new Map([[issuer, givenKey(engine)]])

const entryOf = (expires: number) => ({
  identity: {} as never,
  voucher: { trusted: true },
  expires,
  notBefore: 0,
  compared: 0,
})

/** A strategy whose clock and engine the test holds. */
function strategyAt(time: { now: number; cacheSize?: number }) {
  const asked: string[] = []
  const strategy = jwtStrategy({
    rules,
    cacheSize: time.cacheSize ?? 10,
    clock: () => time.now * 1000,
    sources: sourcesOf((given) => {
      asked.push(given)
    }),
  })
  return { asked, strategy }
}

describe('a verified token', () => {
  it('is verified by the engine once', () => {
    const { asked, strategy } = strategyAt({ now: 1000 })
    const given = token()
    const first = strategy.verify(given)
    expect(strategy.verify(given)).toBe(first)
    expect(asked).toEqual([given])
  })

  it.each([
    ['a second before exp', 1999, null],
    ['at exp, within the tolerance', 2004, null],
    ['at exp plus the tolerance', 2005, 'expired'],
    ['before nbf less the tolerance', 494, 'not-yet-valid'],
    ['at nbf less the tolerance', 495, null],
  ])('is looked at again at every use: %s', (_name, now, fault) => {
    const time = { now: 1000 }
    const { strategy } = strategyAt(time)
    const given = token({ nbf: 500, exp: 2000 })
    expect(strategy.verify(given)).toMatchObject({ subject: 'user-101' })
    time.now = now
    if (fault === null) expect(strategy.verify(given)).toMatchObject({ subject: 'user-101' })
    else expect(strategy.verify(given)).toBe(fault)
  })

  it('is refused as expired when it is seen for the first time after its end', () => {
    expect(strategyAt({ now: 3000 }).strategy.verify(token({ exp: 2000 }))).toBe('expired')
  })

  it('yields a frozen identity', () => {
    const identity = strategyAt({ now: 1000 }).strategy.verify(token({ address: { city: 'Dhaka' } }))
    if (typeof identity === 'string' || identity instanceof Promise) throw new Error('refused')
    expect(identity).toMatchObject({
      scheme: 'jwt',
      subject: 'user-101',
      scopes: ['profile:read'],
      credentialId: 'token-1',
    })
    expect(() => Object.assign(identity.claims['address'] as object, { city: 'x' })).toThrow(TypeError)
    expect(() => (identity.scopes as string[]).push('admin')).toThrow(TypeError)
  })

  it('is not remembered when cacheSize is 0', () => {
    const { asked, strategy } = strategyAt({ now: 1000, cacheSize: 0 })
    void strategy.verify(token())
    void strategy.verify(token())
    expect(asked).toHaveLength(2)
  })
})

describe('a token that is refused by its form', () => {
  it.each([
    ['issuer', token({ iss: 'https://evil.test' })],
    ['issuer', token({ iss: undefined })],
    ['audience', token({ aud: 'https://other.example.com' })],
    ['audience', token({ aud: [] })],
    ['claims', token({ sub: undefined })],
    ['claims', token({ exp: undefined })],
    ['type', token({}, { typ: 'dpop+jwt' })],
    ['header', token({}, { crit: ['exp'] })],
    ['algorithm', token({}, { alg: 'none' })],
    ['signature', token().slice(0, -6)],
    ['malformed', token().slice(0, -1)],
    ['malformed', `${token()}.`],
    ['too-large', token({ filler: 'x'.repeat(9000) })],
  ])('for its %s never reaches the engine: %#', (fault, given) => {
    const { asked, strategy } = strategyAt({ now: 1000 })
    expect(strategy.verify(given)).toBe(fault)
    expect(asked).toEqual([])
  })
})

describe('a token whose MAC is checked before its claims are looked at', () => {
  const keys = { key: secret, algorithms: ['HS256' as const], issuer, audience }
  const strategyOf = (engine: (given: string) => unknown) =>
    jwtStrategy({
      rules: { ...rules, issuers: new Map(trustedIssuers(keys).map((one) => [issuer, one.rules])) },
      sources: new Map([[issuer, givenKey(engine, true)]]),
      cacheSize: 0,
      clock: () => 1_000_000,
    })
  const refusing = strategyOf(() => {
    throw new Error('bad')
  })
  const reading = strategyOf((given) => JSON.parse(Buffer.from(given.split('.')[1] ?? '', 'base64url').toString()))

  it.each<[string, string]>([
    ['issuer', hmacToken({ iss: 'https://evil.test' })],
    ['audience', hmacToken({ aud: 'https://other.example.com' })],
    ['claims', hmacToken({ exp: undefined })],
    ['type', hmacToken({}, { typ: 'dpop+jwt' })],
    ['algorithm', hmacToken({}, { alg: 'none' })],
    ['malformed', hmacToken().replace('.', '.e')],
  ])('is refused for its %s, whether the MAC is good or not', (fault, given) => {
    expect([refusing.verify(given), reading.verify(given)]).toEqual([fault, fault])
  })

  it('is refused for its signature if nothing else is wrong', () => {
    expect(refusing.verify(hmacToken())).toBe('signature')
    expect(reading.verify(hmacToken())).toMatchObject({ subject: 'user-101' })
  })

  it('has a member twice, and what was read of it counts for nothing', () => {
    const twice = signed(
      { alg: 'HS256', typ: 'at+jwt' },
      `{"sub":"a",${JSON.stringify(claims).slice(1)}`,
      withHs256(secret),
    )
    expect(reading.verify(twice)).toBe('malformed')
  })

  it('is admitted under ever other headers', () => {
    for (let round = 0; round < 200; round++)
      expect(reading.verify(hmacToken({}, { kid: `key-${round % 90}` }))).toMatchObject({ subject: 'user-101' })
  })
})

describe('the memory of verified tokens', () => {
  it('forgets one that was not used since the last was forgotten', () => {
    const memory = new VerifiedTokens(2)
    const entry = entryOf(1)
    memory.set('a', entry)
    memory.set('b', entry)
    memory.get('a')
    memory.set('c', entry)
    expect([memory.get('a'), memory.get('b'), memory.get('c')]).toEqual([entry, undefined, entry])
  })

  it('never holds more than its limit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8 }), fc.array(fc.string({ maxLength: 2 })), (limit, keys) => {
        const memory = new VerifiedTokens(limit)
        for (const key of keys) memory.set(key, entryOf(1))
        return memory.size <= limit
      }),
    )
  })

  it('remembers what it was told last, whatever was deleted in between', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const act = fc.record({ what: fc.constantFrom('get', 'set', 'delete'), key })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(act, { maxLength: 60 }), (limit, acts) => {
        const memory = new VerifiedTokens(limit)
        const told = new Map<string, number>()
        for (const [expires, { what, key }] of acts.entries()) {
          if (what === 'set') {
            memory.set(key, entryOf(expires))
            told.set(key, expires)
            expect(memory.get(key)?.expires).toBe(expires)
          } else if (what === 'delete') {
            memory.delete(key)
            told.delete(key)
          }
          const known = memory.get(key)
          if (known !== undefined) expect(known.expires).toBe(told.get(key))
          expect(memory.size).toBeLessThanOrEqual(Math.min(limit, told.size))
        }
      }),
    )
  })

  it('takes no token that did not verify', () => {
    let asked = 0
    const strategy = jwtStrategy({
      rules,
      cacheSize: 10,
      clock: () => 0,
      sources: sourcesOf(() => {
        asked++
        throw new Error('no')
      }),
    })
    const given = token()
    expect([strategy.verify(given), strategy.verify(given)]).toEqual(['signature', 'signature'])
    expect(asked).toBe(2)
  })
})

describe('scopes', () => {
  it.each([
    [{ scope: 'a b' }, ['a', 'b']],
    [{ scp: ['a', 'b'] }, ['a', 'b']],
    [{ scp: 'a b' }, ['a', 'b']],
    [{ scopes: ['a'] }, ['a']],
    [{ scope: 'a', scopes: ['admin'] }, ['a']],
    [{ scope: '' }, []],
    [{}, []],
    [{ scope: ['a'] }, null],
    [{ scopes: ['a b'] }, null],
    [{ scopes: [1] }, null],
    [{ scp: { a: 1 } }, null],
    [{ scope: 'a"b' }, null],
  ])('of %j are %j', (claims, scopes) => {
    expect(scopesOf(claims)).toEqual(scopes)
  })
})

describe('a JSON object', () => {
  it('of any text opens at most 16 brackets at a time, those in strings not counted', () => {
    const nested = (depth: number): string => `${'['.repeat(depth)}"]]{[\\"[["${']'.repeat(depth)}`
    expect([isShallow(nested(16)), isShallow(nested(17))]).toEqual([true, false])
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', 'x', '') }), (text) => {
        expect(typeof isShallow(text)).toBe('boolean')
      }),
    )
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 25, depthSize: 'max' }), (value) => {
        expect(isShallow(JSON.stringify(value))).toBe(depthOf(value) <= 16)
      }),
    )
  })

  it('is read as JSON.parse reads it, if no name occurs twice', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 })), (value) => {
        if (JSON.stringify(value).includes('__proto__')) return
        expect(readEncodedObject(encode(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('is refused with any name twice, however it is spelt', () => {
    const spellings = fc.constantFrom<(name: string) => string>(
      (name) => JSON.stringify(name),
      (name) =>
        `"${name
          .split('')
          .map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
          .join('')}"`,
    )
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z"\\{}[\],:]{1,8}$/), spellings, spellings, (name, one, other) => {
        expect(hasPlainMembers(`{"a1":[{${one(name)}:"}{",${other(name)}:2}]}`)).toBe(false)
      }),
    )
  })

  it('has one spelling only in base64url', () => {
    fc.assert(
      // The low byte of the last one is that of an A.
      fc.property(fc.string({ unit: fc.constantFrom(...'ABCxyz019-_+/= \n\u0141'.split('')) }), (text) => {
        const bytes = decodeCanonical(text)
        if (bytes !== null) expect(bytes.toString('base64url')).toBe(text)
        // Two ways to tell, and no text on which they differ.
        expect(canonicalBytes(text)).toBe(bytes?.length ?? -1)
      }),
      { numRuns: 2_000 },
    )
  })
})
