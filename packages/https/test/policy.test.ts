import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exposedCredentials } from '../src/credential.ts'
import { parseDestination, requestedName } from '../src/host.ts'
import { compilePolicy, pathOf } from '../src/policy.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const policy = compilePolicy({
  hosts: ['api.example.com', 'localhost:8443', 'localhost:9443', '[::1]:8443', 'plain.example:443'],
  hsts: { maxAge: 31_536_000, includeSubDomains: true, preload: false },
  credentialFields: ['authorization', 'cookie', 'x-api-key'],
  credentialParameters: ['access_token'],
})
const get = { method: 'GET', host: 'api.example.com', target: '/', fields: {} }

describe('hosts', () => {
  it.each([
    ['api.example.com', 'api.example.com', 'api.example.com', 443],
    ['api.example.com:443', 'api.example.com', 'api.example.com', 443],
    ['localhost:8443', 'localhost', 'localhost:8443', 8443],
    ['[::1]:8443', '[::1]', '[::1]:8443', 8443],
  ])('reads %s', (text, name, authority, port) => {
    expect(parseDestination(text)).toEqual({ name, authority, port })
  })

  it.each([
    '',
    ' a',
    'a b',
    'a/b',
    'a:0',
    'a:65536',
    'a:',
    'A',
    '-a',
    'a..b',
    '[::g]',
    '[1]',
    'a@b',
    'a\n',
    `${'a'.repeat(64)}.b`,
    'a.0',
    '127.1',
    '0x7f.1',
  ])('refuses %j', (text) => expect(parseDestination(text)).toBeUndefined())

  it('admits only texts that a URL reads back as the same authority', () => {
    fc.assert(
      fc.property(fc.oneof(fc.webAuthority(), fc.string(), fc.domain()), (text) => {
        const destination = parseDestination(text)
        if (destination === undefined) return
        const url = new URL(`https://${destination.authority}/`)
        expect([url.username, url.password, url.pathname, url.search, url.hash]).toEqual(['', '', '/', '', ''])
      }),
    )
  })

  it.each([
    ['LOCALHOST:8080', 'localhost'],
    ['api.example.com.', 'api.example.com'],
    ['[::1]:8080', '[::1]'],
    ['', ''],
    [':80', ':80'],
  ])('compares a Host of %j by %j', (host, name) => expect(requestedName(host)).toBe(name))
})

describe('redirects', () => {
  it.each([
    ['localhost:8080', 'https://localhost:8443/'],
    ['[::1]', 'https://[::1]:8443/'],
    ['plain.example', 'https://plain.example/'],
    ['evil.example', 'https://api.example.com/'],
    ['', 'https://api.example.com/'],
  ])('leads a client of %j to %s', (host, location) => {
    expect(policy.decide({ ...get, host })).toMatchObject({ kind: 'redirect', location })
  })

  it.each([
    ['/a/b?c=d', '/a/b?c=d'],
    ['http://x.example/a?b', '/a?b'],
    ['http://x.example', '/'],
    ['http://x.example?b', '/?b'],
    ['/a#b', '/a'],
    ['/caf\xe9', '/caf%E9'],
    ['/\u20ac', '/%E2%82%AC'],
    ['/a b\r\nset-cookie: x', '/a%20b%0D%0Aset-cookie:%20x'],
    ['*', undefined],
    ['x.example:443', undefined],
  ])('keeps of the target %j the path %j', (target, path) => expect(pathOf(target)).toBe(path))

  it('never leads anywhere but to a configured host, whatever host and target say', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.webUrl(),
      fc.webPath().map((path) => `/${path}`),
      fc.constantFrom('//evil.example', '/\\evil.example', '/@evil.example', '/.evil.example'),
    )
    const ours = new Set(['api.example.com', 'localhost:8443', '[::1]:8443', 'plain.example'])
    fc.assert(
      fc.property(anything, anything, (host, target) => {
        const decision = policy.decide({ ...get, host, target })
        if (decision.kind !== 'redirect') return
        expect(decision.location).toMatch(/^[\x21-\x7e]+$/)
        const { protocol, host: authority, username } = new URL(decision.location)
        expect([protocol, ours.has(authority), username]).toEqual(['https:', true, ''])
      }),
      { numRuns: 1000 },
    )
  })
})

describe('credentials', () => {
  const places = { fields: ['authorization', 'cookie', 'x-api-key'], parameters: new Set(['access_token']) }
  it.each<[Record<string, string | string[]>, string, object[]]>([
    [{}, '/', []],
    [{ authorization: '' }, '/', []],
    [{ authorization: 'Bearer abc' }, '/', [{ field: 'authorization', scheme: 'bearer', sha256: sha256('abc') }]],
    [{ authorization: 'abc' }, '/', [{ field: 'authorization', sha256: sha256('abc') }]],
    [{ authorization: 'Basic dTpw' }, '/', [{ field: 'authorization', scheme: 'basic' }]],
    [{ 'x-api-key': ['a', 'b'] }, '/', [{ field: 'x-api-key', sha256: sha256('a, b') }]],
    [
      { cookie: 's=1', 'x-api-key': 'k' },
      '/',
      [
        { field: 'cookie', sha256: sha256('s=1') },
        { field: 'x-api-key', sha256: sha256('k') },
      ],
    ],
    [{}, '/?Access_Token=abc&access_token=def', [{ field: '?access_token', sha256: sha256('abc') }]],
    [{}, '/?access_token=', []],
    [{}, '/?other=access_token', []],
    [{}, 'http://user:pass@x.example/', [{ field: 'user-info' }]],
  ])('finds in %j %s: %j', (fields, target, found) => expect(exposedCredentials(places, fields, target)).toEqual(found))
})

describe('decisions', () => {
  it('refuses rather than redirects a WebSocket handshake, and ignores an offer of h2c', () => {
    expect(policy.decide({ ...get, fields: { upgrade: 'WebSocket' } }).kind).toBe('refuse')
    expect(policy.decide({ ...get, fields: { upgrade: 'h2c' } }).kind).toBe('redirect')
  })

  it('redirects GET and HEAD only', () => {
    fc.assert(
      fc.property(fc.string(), (method) => {
        const { kind } = policy.decide({ ...get, method })
        expect(kind === 'redirect').toBe(method === 'GET' || method === 'HEAD')
      }),
    )
  })
})
