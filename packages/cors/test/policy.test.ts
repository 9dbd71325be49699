import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileAllowlist } from '../src/allowlist.ts'
import { readOrigin, repair, type OriginMistake } from '../src/origin.ts'
import { decide } from '../src/policy.ts'
import { compileRequestHeaders, listMethods } from '../src/preflight.ts'
import { mergeVary } from '../src/vary.ts'

describe('the allowlist', () => {
  const allows = compileAllowlist([
    'https://app.example.com',
    'http://localhost:5173',
    'https://*.example.org',
    'https://*.example.net:8443',
    'http://127.0.0.1:*',
    'http://[::1]:*',
    'https://any.example.edu:*',
    'https://*.any.example.edu:*',
  ])

  it.each([
    'https://app.example.com',
    'http://localhost:5173',
    'https://a.example.org',
    'https://xn--bcher-kva.example.org',
    'https://under_score.example.org',
    `https://${'a'.repeat(63)}.example.org`,
    'https://a.example.net:8443',
    'http://127.0.0.1',
    'http://127.0.0.1:1',
    'http://127.0.0.1:65535',
    'http://127.0.0.1:443',
    'http://[::1]',
    'http://[::1]:3000',
    'https://any.example.edu',
    'https://any.example.edu:80',
    'https://a.any.example.edu:8443',
  ])('admits %s', (origin) => expect(allows(origin)).toBe(true))

  it.each([
    ['another scheme', 'http://app.example.com'],
    ['another port', 'https://app.example.com:8443'],
    ['the default port spelt out', 'https://app.example.com:443'],
    ['upper case', 'https://APP.example.com'],
    ['a trailing slash', 'https://app.example.com/'],
    ['a trailing dot', 'https://app.example.com.'],
    ['a suffix of an exact origin', 'https://app.example.com.evil.test'],
    ['a prefix of an exact origin', 'https://evil-app.example.com'],
    ['a user name', 'https://app.example.com@evil.test'],
    ['the domain below a wildcard itself', 'https://example.org'],
    ['two labels for one wildcard', 'https://a.b.example.org'],
    ['an empty label', 'https://.example.org'],
    ['a name glued to the wildcard domain', 'https://evilexample.org'],
    ['the wildcard itself', 'https://*.example.org'],
    ['a path before the wildcard domain', 'https://evil/.example.org'],
    ['a user name before the wildcard domain', 'https://evil@x.example.org'],
    ['the wildcard domain with another port', 'https://a.example.org:8443'],
    ['the wildcard domain without its port', 'https://a.example.net'],
    ['the wildcard domain as a prefix', 'https://a.example.org.evil.test'],
    ['any port spelt as its pattern', 'http://127.0.0.1:*'],
    ['any port without a port', 'http://127.0.0.1:'],
    ['any port of 0', 'http://127.0.0.1:0'],
    ['any port with a leading zero', 'http://127.0.0.1:080'],
    ['any port beyond 65535', 'http://127.0.0.1:65536'],
    ['any port of six digits', 'http://127.0.0.1:100000'],
    ['any port that is the default one', 'http://127.0.0.1:80'],
    ['any port and then more', 'http://127.0.0.1:80.evil.test'],
    ['any port as a user name', 'http://127.0.0.1:8080@evil.test'],
    ['any port twice', 'http://127.0.0.1:8080:8081'],
    ['any port under the other scheme', 'https://127.0.0.1:8443'],
    ['any port of a host that ends alike', 'http://7.127.0.0.1:8080'],
    ['any port of an address without brackets', 'http://::1'],
    ['any port two labels down', 'https://a.b.any.example.edu:8443'],
    ['null', 'null'],
    ['an empty text', ''],
    ['a dot', '.'],
    ['several origins', 'https://app.example.com, https://evil.test'],
    ['a label of 64 letters', `https://${'a'.repeat(64)}.example.org`],
    ['16 KB', `https://${'a.'.repeat(8000)}example.org`],
  ])('does not admit %s', (_, origin) => expect(allows(origin)).toBe(false))

  it('admits everything when everybody may read', () => {
    expect(compileAllowlist(['*'])('null')).toBe(true)
  })

  it('admits exactly the members of a list, whatever else is asked', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.webUrl(), { maxLength: 20 }), fc.webUrl(), (urls, other) => {
        const origins = urls.map((url) => new URL(url).origin)
        const asks = compileAllowlist(origins)
        expect(origins.every(asks)).toBe(true)
        const { origin } = new URL(other)
        expect(asks(origin)).toBe(origins.includes(origin))
      }),
    )
  })
})

describe('a pattern for any port', () => {
  it('admits exactly the origins of its host, as the URL standard serializes them', () => {
    const allows = compileAllowlist(['https://any.example.edu:*'])
    const port = fc.oneof(
      fc.integer({ min: 1, max: 70_000 }).map(String),
      fc.string({ maxLength: 6 }),
      fc.constantFrom('', '0443', '443'),
    )
    fc.assert(
      fc.property(fc.constantFrom('any.example.edu', 'other.example.edu', 'example.edu'), port, (host, text) => {
        const origin = `https://${host}:${text}`
        // No server listens on port 0.
        fc.pre(!/^0+$/.test(text))
        const serialized = URL.canParse(origin) ? new URL(origin).origin : undefined
        expect(allows(origin)).toBe(serialized === origin && host === 'any.example.edu')
      }),
      { numRuns: 2000 },
    )
  })
})

describe('an origin', () => {
  it('is read exactly if it is what the URL standard serializes', () => {
    fc.assert(
      fc.property(fc.webUrl({ validSchemes: ['http', 'https'] }), (url) => {
        const { origin } = new URL(url)
        expect(readOrigin(origin)).toMatchObject({ kind: 'exact', text: origin })
      }),
    )
  })

  it('is never read from anything that the URL standard serializes otherwise', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `https://${text}`),
          fc.webUrl(),
        ),
        (text) => {
          const read = readOrigin(text)
          if ('rule' in read || read.kind !== 'exact') return
          expect(new URL(text).origin).toBe(text)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('has only right repairs, however wrong it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `HTTPS://${text}`),
        ),
        (text) => {
          const read = readOrigin(text)
          if (!('rule' in read)) return
          for (const right of repair(read)) expect(readOrigin(right)).not.toHaveProperty('rule')
        },
      ),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['HTTPS://User@App.Example.com:443/path/?q#f', ['https://app.example.com']],
    ['app.example.com/', ['https://app.example.com']],
    ['https://a.example.com, https://b.example.com/', ['https://a.example.com', 'https://b.example.com']],
    ['https://bücher.example', ['https://xn--bcher-kva.example']],
    ['http://127.1:3000', ['http://127.0.0.1:3000']],
    ['http://[0:0:0:0:0:0:0:1]:3000/', ['http://[::1]:3000']],
    ['null', []],
  ])('written as %j is repaired to %j', (text, right) => {
    expect(repair(readOrigin(text) as OriginMistake)).toEqual(right)
  })

  it.each([
    ['https://app.example.com', true],
    ['http://app.example.com', false],
    ['http://localhost:3000', true],
    ['http://app.localhost', true],
    ['http://127.0.0.1:3000', true],
    ['http://[::1]:3000', true],
    ['http://128.0.0.1', false],
    ['http://*.localhost:3000', true],
    ['http://localhost:*', true],
    ['http://app.example.com:*', false],
  ])('%s is confidential: %s', (text, confidential) => {
    expect(readOrigin(text)).toMatchObject({ confidential })
  })
})

describe('requested header fields', () => {
  const names = ['Content-Type', 'Authorization', 'X-Request-Id']
  const admits = compileRequestHeaders(names)

  it.each([
    [undefined, true],
    ['', true],
    ['content-type', true],
    ['authorization,content-type', true],
    ['AUTHORIZATION ,\t Content-Type', true],
    [',, content-type ,,', true],
    ['content-type, x-evil', false],
    ['content-type x-request-id', false],
    ['*', false],
    [','.repeat(16_000), false],
    [Array(1000).fill('content-type').join(','), false],
  ])('%j is admitted: %s', (requested, admitted) => expect(admits(requested)).toBe(admitted))

  it('are admitted in any order, case and spacing exactly if each is on the list', () => {
    const cased = fc
      .tuple(fc.constantFrom(...names, 'x-other'), fc.boolean())
      .map(([name, upper]) => (upper ? name.toUpperCase() : name.toLowerCase()))
    fc.assert(
      fc.property(
        fc.uniqueArray(cased, { selector: (name) => name.toLowerCase() }),
        fc.constantFrom(',', ', ', ' ,'),
        (asked, glue) => {
          expect(admits(asked.join(glue))).toBe(asked.every((name) => name.toLowerCase() !== 'x-other'))
        },
      ),
    )
  })
})

describe('the list of methods', () => {
  it.each([
    [['DELETE', 'GET', 'HEAD', 'PUT', 'POST'], 'GET, POST, PUT, DELETE'],
    [['PROPFIND', 'PATCH', 'LOCK', 'GET'], 'GET, PATCH, LOCK, PROPFIND'],
    [['HEAD'], ''],
  ])('of %j is %j', (methods, listed) => expect(listMethods(new Set(methods))).toBe(listed))
})

describe('Vary', () => {
  it.each([
    [undefined, 'Origin'],
    ['', 'Origin'],
    ['Accept', 'Accept, Origin'],
    ['Accept, origin', 'Accept, origin'],
    [['Accept', 'Cookie'], 'Accept, Cookie, Origin'],
    ['*', '*'],
    ['Accept, *', '*'],
    ['X-Origin', 'X-Origin, Origin'],
  ])('%j becomes %j', (earlier, merged) => expect(mergeVary(earlier, 'Origin')).toBe(merged))
})

describe('a decision', () => {
  it('grants HEAD wherever it grants GET', () => {
    const { allowsMethod } = decide({ origins: ['https://app.example.com'], methods: ['GET'] })
    expect([allowsMethod('GET'), allowsMethod('HEAD'), allowsMethod('POST')]).toEqual([true, true, false])
  })

  it('asks the same question for policies that differ in their origins only', () => {
    const one = decide({ origins: ['https://a.example.com'] })
    const other = decide({ origins: ['https://b.example.com', 'https://*.example.org'] })
    expect(one.question).toEqual(other.question)
  })

  it('cannot be changed afterwards', () => {
    const decision = decide({ origins: ['*'] })
    expect(() => Object.assign(decision, { allows: () => true })).toThrow(TypeError)
    expect(() => Object.assign(decision.question, { credentials: true })).toThrow(TypeError)
  })
})
