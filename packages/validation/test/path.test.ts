import fc from 'fast-check'
import { expect, it } from 'vitest'
import { pathRule } from '../src/path.ts'

const judge = pathRule([])

it.each([
  ['/files/a%2fb', 'encoded-slash'],
  ['/files/a%2Fb', 'encoded-slash'],
  ['/files/a%5cb', 'encoded-backslash'],
  ['/files\\a', 'backslash'],
  ['/files/a%00.png', 'control-character'],
  ['/files/a%0d%0ab', 'control-character'],
  ['/files/a%7f', 'control-character'],
  ['/files/../etc', 'dot-segment'],
  ['/files/./a', 'dot-segment'],
  ['/files/..', 'dot-segment'],
  ['/files/%2e%2e/etc', 'dot-segment'],
  ['/files/.%2e', 'dot-segment'],
  ['/files/%2E/a', 'dot-segment'],
  ['/files/..%3bx/etc', 'dot-segment'],
  ['//files', 'empty-segment'],
  ['/files//a', 'empty-segment'],
  ['/files/a//', 'empty-segment'],
  ['/files;a=b/c', 'semicolon'],
  ['/files/%252e%252e/etc', 'double-encoding'],
  ['/files/a%252fb', 'double-encoding'],
  ['/files/%25%32%65%25%32%65/etc', 'double-encoding'],
  ['/files/a%25%32%66b', 'double-encoding'],
  ['/files/%c0%af', 'invalid-utf8'],
  ['/files/%e0%80%af', 'invalid-utf8'],
  ['/files/%ff', 'invalid-utf8'],
  ['/files/%ed%a0%80', 'invalid-utf8'],
  ['/files/%zz', 'malformed-encoding'],
  ['/files/%2', 'malformed-encoding'],
  ['/files/%u002e', 'malformed-encoding'],
  ['/files/\u00e9', 'not-ascii'],
  ['http://host/files/../etc', 'dot-segment'],
  ['HTTP://host//files', 'empty-segment'],
  ['/files#a=1', 'fragment'],
])('refuses %s: %s', (target, fault) => {
  expect(judge(target)).toBe(fault)
})

it.each([
  '/',
  '/files/',
  '/files/a.b',
  '/files/.well-known/...',
  '/files/..a/a..',
  "/a-b_c~d!$&'()*+,=:@",
  '/files/caf%C3%A9',
  '/files/100%25',
  '/files/a%20b%3b%3f%23',
  '/files?path=../..//%2f%00;\\',
  '*',
  'http://host/files?x=//',
  'http://host',
])('lets %s pass', (target) => {
  expect(judge(target)).toBeNull()
})

it.each([
  ['encoded-slash', '/a%2fb'],
  ['empty-segment', '/a//b'],
  ['semicolon', '/a;b=c'],
  ['double-encoding', '/a%2520b'],
] as const)('admits what it is told to (%s), and dot segments not even then', (fault, target) => {
  const admitting = pathRule([fault])
  expect(admitting(target)).toBeNull()
  expect(admitting('/a/%2e%2e/b')).toBe('dot-segment')
  expect(admitting('/a%00')).toBe('control-character')
  if (fault === 'encoded-slash') expect(admitting('/a%2f..%2fb')).toBe('dot-segment')
  if (fault === 'semicolon') expect(admitting('/a/..;x=y/b')).toBe('dot-segment')
})

it('lets every path of encoded segments pass that hold nothing ambiguous', () => {
  const plain = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((one) => !/^\.\.?(?:;|$)/.test(one) && !/[/\\\u0000-\u001f\u007f]/.test(one) && !/%[0-9a-f]{2}/i.test(one))
  fc.assert(
    fc.property(fc.array(plain, { minLength: 1 }), (segments) => {
      return judge(`/${segments.map((one) => encodeURIComponent(one)).join('/')}`) === null
    }),
  )
})

it('lets no path pass that decodes to another one', () => {
  const piece = fc.constantFrom('/', '.', '..', 'a', '%2e', '%2f', '%5c', '\\', ';', '%00', '%25', '2e', '%c0%ae', '?')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const target = `/${pieces.join('')}`
      if (judge(target) !== null) return true
      const path = target.split('?')[0] as string
      const once = decodeURIComponent(path)
      const normal = new URL(path, 'http://host').pathname
      return path === normal && once.split('/').length === path.split('/').length && !once.split('/').includes('..')
    }),
    { numRuns: 5000 },
  )
})
