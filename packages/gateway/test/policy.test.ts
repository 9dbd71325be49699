import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { decodeJwt, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { TokenMint, type TokenTerms } from '../src/internal-token.ts'
import { compileTemplate, faultOfPath, isMalformedTarget } from '../src/path.ts'
import { compilePolicy } from '../src/policy.ts'
import { buildRequestFields, compileForwarded, isReservedField, pickCookies } from '../src/request-fields.ts'
import { optionsFor, pair, publicKey } from './stage.ts'

describe('a path', () => {
  it.each([
    '/a',
    '/a/b.c',
    '/.well-known/x',
    '/a/..b',
    '/a/b..',
    '/a/%20b',
    '/a/%e2%82%ac',
    '/a/100%25',
    '/a%3bv=1',
    '/a/',
    '/a/@me',
  ])('%s is safe', (path) => expect(faultOfPath(path)).toBeNull())
  it.each([
    '/..',
    '/a/.',
    '/a/%2E/b',
    '/a/%2e./b',
    '/a/.;x=1/b',
    '/a%5Cb',
    '/a%7f',
    '/a%c0%ae',
    '/a%',
    '/a%2f..',
    '/a/%e2%81%84../b/%ef%bc%bc',
    '/a/%ef%bc%852e',
  ])('%s is not', (path) => expect(faultOfPath(path)).toBe('unsafe'))
  it.each(['/a;v=1', '//a', '/a//b', '/a%2fb', '/a%252fb'])('%s is read in two ways', (path) => {
    expect(faultOfPath(path)).toBe('ambiguous')
  })

  it('that is safe stays below its prefix, however a service decodes it', () => {
    const piece = fc.constantFrom(
      '.',
      '..',
      '%2e',
      '%2E',
      '/',
      '%2f',
      '%5c',
      '\\',
      ';',
      'a',
      '%25',
      '2e',
      '%00',
      'é',
      '%c3%a9',
      '．',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const path = `/store/${pieces.join('')}`
        if (faultOfPath(path) !== null) return
        for (let text = path, round = 0; round < 3; round++) {
          const { pathname } = new URL(text.replaceAll('\\', '/').replaceAll(/;[^/]*/g, ''), 'http://a')
          expect(pathname.startsWith('/store/') || pathname === '/store').toBe(true)
          try {
            text = decodeURIComponent(text).normalize('NFKC')
          } catch {
            return
          }
        }
      }),
      { numRuns: 5000 },
    )
  })

  it('with a parameter is filled in and read back', () => {
    const template = compileTemplate('/api/:id/x/*')
    fc.assert(
      fc.property(fc.webSegment({ size: 'small' }), fc.webPath(), (id, rest) => {
        fc.pre(id !== '')
        const path = template.fill({ id, '*': rest })
        expect(template.match(path)).toEqual({ id, '*': rest })
      }),
    )
  })

  it.each(['/a b', '/a#b', '/a\u0000', '/a\u00e9', '/a\u007f'])('%j is malformed', (target) => {
    expect(isMalformedTarget(target)).toBe(true)
  })
})

describe('request fields', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const trace = { traceparent, tracestate: null }
  const from = { ip: '2001:db8::1', encrypted: true, host: 'api.example.com', requestId: 'req-1', trace }
  const pairs = (fields: readonly string[]): Record<string, string> =>
    Object.fromEntries(fields.flatMap((name, index) => (index % 2 === 0 ? [[name, fields[index + 1] as string]] : [])))

  it('say where the request came from', () => {
    expect(pairs(buildRequestFields({ accept: '*/*', 'x-custom': '1' }, compileForwarded([]), null, from))).toEqual({
      accept: '*/*',
      forwarded: 'for="[2001:db8::1]";proto=https;host="api.example.com"',
      'x-forwarded-for': '2001:db8::1',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'api.example.com',
      'x-request-id': 'req-1',
      traceparent,
      via: '1.1 gateway',
    })
  })

  it.each([
    ['a host that would end the parameter', { host: 'a";for=10.0.0.1' }, 'for="[2001:db8::1]";proto=https'],
    ['an address that is none', { ip: '1.1.1.1, 10.0.0.1' }, 'for=unknown;proto=https;host="api.example.com"'],
  ])('do not repeat %s', (_what, wrong, forwarded) => {
    const fields = pairs(buildRequestFields({}, compileForwarded([]), null, { ...from, ...wrong }))
    expect(fields['forwarded']).toBe(forwarded)
  })

  it('never hold a reserved name that a client sent', () => {
    const name = fc.constantFrom(
      'x-user',
      'X_User_Name',
      'x-forwarded-proto',
      'via',
      'te',
      'cookie',
      'x-real-ip',
      'authorization',
      'connection',
    )
    fc.assert(
      fc.property(fc.dictionary(name, fc.constant('forged')), (headers) => {
        expect(buildRequestFields(headers, compileForwarded(['x-tenant']), null, from)).not.toContain('forged')
        expect(Object.keys(headers).every(isReservedField)).toBe(true)
      }),
    )
  })

  it('hold the listed cookies alone', () => {
    const names = new Set(['a', 'b'])
    expect(pickCookies('c=3; a=1;b="x=y"; aa=2; a', names)).toBe('a=1; b="x=y"')
    expect(pickCookies('c=3', names)).toBeNull()
    expect(pickCookies(undefined, names)).toBeNull()
  })
})

describe('an internal token', () => {
  const terms: TokenTerms = {
    issuer: 'gateway',
    key: pair.privateKey,
    keyId: 'k',
    algorithm: 'ES256',
    lifetime: 60,
    claims: [],
  }
  const caller = { subject: '101', scopes: ['a', 'b'], claims: { role: 'admin' } }
  const open = (field: string): Record<string, unknown> => decodeJwt(field.slice('Bearer '.length))

  it('is signed once for three quarters of its life, and then again', () => {
    let now = 1_000_000
    let ids = 0
    const mint = new TokenMint(
      terms,
      'user-service',
      () => now,
      () => String(ids++),
    )
    const first = mint.field(caller)
    now += 44_999
    expect(mint.field({ ...caller })).toBe(first)
    now += 1
    expect(open(mint.field(caller))).toMatchObject({ jti: '1', iat: 1045, exp: 1105 })
  })

  it.each([
    ['ES256', pair.privateKey, publicKey()],
    ['EdDSA', ...Object.values(generateKeyPairSync('ed25519')).toReversed()],
  ] as never[][])('is verified by another implementation: %s', async (algorithm, key, verifier) => {
    const mint = new TokenMint({ ...terms, algorithm, key }, 'user-service', Date.now, () => 'id')
    const { payload } = await jwtVerify(mint.field(caller).slice(7), verifier as never, {
      audience: 'user-service',
      typ: 'at+jwt',
    })
    expect(payload).toMatchObject({ iss: 'gateway', sub: '101', scope: 'a b' })
  })

  it('cannot have its own claims replaced by copied ones', () => {
    const mint = new TokenMint(
      { ...terms, claims: ['sub', 'aud', 'exp', 'scope', 'role'] },
      'user-service',
      () => 0,
      () => 'id',
    )
    const claims = { sub: 'root', aud: 'payment-service', exp: 9e9, scope: 'everything', role: 'admin' }
    expect(open(mint.field({ ...caller, claims }))).toMatchObject({
      sub: '101',
      aud: 'user-service',
      exp: 60,
      scope: 'a b',
      role: 'admin',
    })
  })

  it('is never shared by two callers whose tokens would differ', () => {
    const text = fc.string({ maxLength: 4, unit: fc.constantFrom('a', '1', ' ', ':', '\n', '"') })
    const identity = fc.record({
      subject: text,
      scopes: fc.array(text, { maxLength: 3 }),
      claims: fc.record({ role: text }),
    })
    const mint = new TokenMint(
      { ...terms, claims: ['role'] },
      'user-service',
      () => 0,
      () => 'id',
    )
    fc.assert(
      fc.property(identity, (who) => {
        expect(open(mint.field(who))).toMatchObject({
          sub: who.subject,
          scope: who.scopes.join(' '),
          role: who.claims.role,
        })
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the policy', () => {
  it('serves HEAD with GET, and fills times and limits in', async () => {
    const { dangerouslyWithoutAuth: _, ...options } = await optionsFor(7001)
    const complete = {
      ...options,
      bodyLimit: 10,
      slowReaders: { grace: 5, bytesPerSecond: 6 },
      internalToken: { ...options.internalToken, lifetime: 30 },
      upstreams: {
        'user-service': {
          ...options.upstreams['user-service'],
          timeouts: { connect: 1, headers: 2, body: 3 },
          concurrency: 4,
          circuit: { failures: 1, share: 0.5, minimum: 1, window: 1, openFor: 2 },
        },
      },
    }
    const policy = compilePolicy(complete as never, '')
    expect(policy.routes[0]).toMatchObject({ methods: ['GET', 'POST', 'HEAD'], bodyLimit: 10 })
    expect(policy.patience).toEqual({ grace: 5000, bytesPerSecond: 6 })
    expect(policy.upstreams[0]).toMatchObject({
      audience: 'user-service',
      targets: [
        {
          way: { address: '127.0.0.1', connectTimeout: 1000 },
          timeouts: { headers: 2000, body: 3000 },
          circuit: { window: 1000, openFor: 2000 },
        },
      ],
    })
  })
})
