import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseMediaType, scriptable } from '../src/media-type.ts'
import { compilePolicy } from '../src/policy.ts'

describe('a Content-Type', () => {
  it.each([
    ['text/html', 'text/html', null],
    ['Text/HTML; Charset=UTF-8', 'text/html', 'utf-8'],
    ['text/plain;charset="utf-\\7"', 'text/plain', 'utf-7'],
    ['text/plain; a=b; charset=utf-8; charset=utf-7', 'text/plain', null],
    ['text/plain; charset=utf-8; charset=UTF-8', 'text/plain', 'utf-8'],
    ['text/html;', 'text/html', null],
    [' image/svg+xml ', 'image/svg+xml', null],
  ])('%j is %s with charset %s', (value, essence, charset) => {
    expect(parseMediaType(value)).toEqual({ essence, charset })
  })

  it.each([
    '',
    'text',
    'text/',
    '/html',
    'text/plain, text/html',
    'text/plain; a, text/html',
    'text /html',
    'text/plain\ntext/html',
    'text/html; charset',
    'text/html; =x',
    'text/html x',
    `text/plain; a=${'x'.repeat(300)}`,
  ])('%j is none', (value) => {
    expect(parseMediaType(value)).toBeNull()
  })

  it('is parsed in linear time', () => {
    for (const part of [';', '; ', ';a=b', ';a="', '"', ' ']) {
      expect(parseMediaType(`text/plain${part.repeat(100)}\0`)).toBeNull()
    }
  })
})

describe('what may run', () => {
  it.each([
    [
      'html',
      'text/html',
      'application/xhtml+xml',
      'multipart/x-mixed-replace',
      'multipart/related',
      'message/rfc822',
      'application/x-google-chrome-pdf',
    ],
    ['svg', 'image/svg+xml'],
    [
      'xml',
      'text/xml',
      'application/xml',
      'application/rdf+xml',
      'application/mathml+xml',
      'text/xsl',
      'text/rdf',
      'a/b+xml',
    ],
    ['pdf', 'application/pdf', 'text/pdf', 'application/x-pdf'],
    ['javascript', 'text/javascript', 'application/x-javascript', 'text/jscript', 'text/livescript', 'text/ecmascript'],
  ])('as %s', (kind, ...essences) => {
    for (const essence of essences) expect([essence, scriptable(essence)]).toEqual([essence, kind])
  })

  it.each([
    'application/json',
    'application/problem+json',
    'text/plain',
    'text/css',
    'text/csv',
    'image/png',
    'video/mp4',
  ])('is not %s', (essence) => {
    expect(scriptable(essence)).toBeNull()
  })
})

describe('a policy', () => {
  it.each(['application/json', 'application/json; charset=utf-8', 'application/problem+json', 'application/hal+json'])(
    'keeps %s as it is',
    (type) => {
      expect(compilePolicy({})(type)).toEqual({ type: null, refused: null, kind: null })
    },
  )

  it.each([
    undefined,
    '',
    'nonsense',
    '*/*',
    'unknown/unknown',
    'text/plain, text/html',
    ['text/plain', 'text/html'],
    7,
  ])('makes bytes of an answer whose type is %j, and refuses it under strict', (type) => {
    expect(compilePolicy({})(type)).toMatchObject({ type: 'application/octet-stream', refused: null })
    expect(compilePolicy({ strict: true })(type)).toMatchObject({
      type: 'application/octet-stream',
      refused: 'untyped',
    })
  })

  it.each([
    ['text/plain', 'text/plain; charset=utf-8'],
    ['text/plain; charset=utf-7', 'text/plain; charset=utf-8'],
    ['text/html; charset=iso-2022-jp', 'text/html; charset=utf-8'],
    ['text/html; charset=utf-8; charset=utf-7', 'text/html; charset=utf-8'],
    ['text/html; charset=utf-16', 'text/html; charset=utf-8'],
    ['image/svg+xml', 'image/svg+xml; charset=utf-8'],
    ['text/html; charset=UTF-8', null],
    ['image/png', null],
    ['application/pdf', null],
    ['multipart/mixed; boundary=a', null],
  ])('makes of %s %s', (type, written) => {
    const all = { html: true, svg: true, xml: true, pdf: true, javascript: true }
    expect(compilePolicy(all)(type)).toMatchObject({ type: written, refused: null })
  })

  it('admits no document but those that it names, in whatever letters', () => {
    const kinds = ['html', 'svg', 'xml', 'pdf', 'javascript'] as const
    const types = ['text/html', 'image/svg+xml', 'text/xml', 'application/pdf', 'text/javascript'] as const
    fc.assert(
      fc.property(
        fc.subarray([...kinds]),
        fc.constantFrom(...types),
        fc.infiniteStream(fc.boolean()),
        (named, type, upper) => {
          const spelt = Array.from(type)
            .map((letter) => (upper.next().value === true ? letter.toUpperCase() : letter))
            .join('')
          const { refused } = compilePolicy(Object.fromEntries(named.map((kind) => [kind, true])))(spelt)
          expect(refused).toBe(named.includes(kinds[types.indexOf(type)] as 'html') ? null : 'undeclared')
        },
      ),
    )
  })

  it('decides the same for whatever text, remembered or not', () => {
    const policy = compilePolicy({})
    fc.assert(
      fc.property(fc.string(), (type) => {
        expect(policy(type)).toEqual(policy(type))
        expect(policy(type)).toEqual(compilePolicy({})(type))
      }),
      { numRuns: 600 },
    )
  })
})
