import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isExact } from '../src/json-number.ts'
import { jsonScanner } from '../src/json-scan.ts'

const scan = jsonScanner({ depth: 32, keys: 1000, exactNumbers: true }, 0x1234567)
const of = (text: string) => scan(Buffer.from(text))

it.each([
  ['{"a":1,"a":2}', 'duplicate-member'],
  ['{"a":1,"\\u0061":2}', 'duplicate-member'],
  ['{"\\u0061":1,"\\u0061":2}', 'duplicate-member'],
  ['{"x":{"a":1,"b":{"a":2},"a":3}}', 'duplicate-member'],
  ['{"x":[{"a":1},{"a":2,"a":3}]}', 'duplicate-member'],
  ['{"__proto__":{}}', 'prototype-key'],
  ['{"\\u005f_proto__":{}}', 'prototype-key'],
  ['{"a":[{"__proto__":1}]}', 'prototype-key'],
  ['{"constructor":{"prototype":{"x":1}}}', 'prototype-key'],
  ['{"constructor" : {"a":{}, "prototype":{}}}', 'prototype-key'],
  ['{"a":9007199254740993}', 'number-precision'],
  ['[0.12345678901234567890]', 'number-precision'],
  ['[1e400]', 'number-precision'],
  ['[-1E+309]', 'number-precision'],
  ['[1e-400]', 'number-precision'],
  ['["\\ud800"]', 'lone-surrogate'],
  ['["\\udc00\\ud800"]', 'lone-surrogate'],
  ['["a\\ud83dx"]', 'lone-surrogate'],
  ['{"\\ud800":1}', 'lone-surrogate'],
  [`${'['.repeat(33)}`, 'depth'],
  [`{${Array.from({ length: 1001 }, (_, i) => `"k${i}":0`).join()}}`, 'keys'],
])('refuses %.60s as %s', (text, fault) => {
  expect(of(text)).toBe(fault)
})

it.each([
  '{}',
  '[{"a":1},{"a":1}]',
  '{"a":{"a":{"a":1}}}',
  '{"a":"\\"a\\":1,\\"a\\"","b":"\\\\"}',
  '{"constructor":"Ferrari","prototype":1}',
  '[{"constructor":"Ferrari"},{"prototype":1}]',
  '{"a":[{"constructor":1},[{"prototype":1}]]}',
  '{"constructor":["x",{"prototype":1}]}',
  '{"a":9007199254740991,"b":-0.30000000000000004,"c":1.50e3,"d":1e22,"e":0e999,"f":-0}',
  '["\\ud83d\\ude00","😀","\\u00e9"]',
  `${'['.repeat(32)}${']'.repeat(32)}`,
  `{"long":"${'x'.repeat(5000)}","escaped":"${'\\n'.repeat(5000)}","n":1}`,
  '"text"',
  '"a\\"',
])('lets %.60s pass', (text) => {
  expect(of(text)).toBeNull()
})

it.each([
  ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
  ['a lone continuation byte', [0x22, 0x80, 0x22]],
  ['an encoded surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
  ['UTF-16', [0xff, 0xfe, 0x22, 0x00]],
])('refuses %s as invalid UTF-8', (_name, bytes) => {
  expect(scan(Buffer.from(bytes))).toBe('invalid-utf8')
})

/** Member names without what the scanner refuses. */
const name = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .filter((one) => !/^(?:__proto__|constructor|prototype)$/.test(one))

it('lets whatever JSON.stringify writes pass', () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 4 },
      fc.string({ unit: 'grapheme' }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer(),
      fc.constant(null),
      fc.array(tie('any'), { maxLength: 5 }),
      fc.dictionary(name, tie('any'), { maxKeys: 6 }),
    ),
  })).any
  fc.assert(
    fc.property(value, (one) => of(JSON.stringify(one)) === null),
    { numRuns: 2000 },
  )
})

it('finds a member twice wherever a parser would lose one', () => {
  const names = fc.array(fc.oneof(fc.constantFrom('a', 'b', 'ab', 'c"', 'é'), name), { minLength: 1, maxLength: 30 })
  const escape = (text: string) =>
    `"${[...Array(text.length).keys()].map((i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`
  fc.assert(
    fc.property(names, fc.boolean(), (list, escaped) => {
      const text = `{${list.map((one, i) => `${escaped && i % 2 === 0 ? escape(one) : JSON.stringify(one)}:0`).join()}}`
      return (of(text) === 'duplicate-member') === Object.keys(JSON.parse(text) as object).length < list.length
    }),
    { numRuns: 2000 },
  )
})

it('never throws, and lets no member name of a prototype through to a parser, whatever the bytes', () => {
  const piece = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    'u0061',
    '__proto__',
    '"__proto__":',
    '1',
    '-',
    ' ',
    'é',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join('')
      if (of(text) !== null) return true
      try {
        JSON.parse(text, (key, value: unknown) => {
          if (key === '__proto__') throw new Error('through')
          return value
        })
      } catch (error) {
        return (error as Error).message !== 'through'
      }
      return true
    }),
    { numRuns: 5000 },
  )
})

it('calls a number exact exactly when its double is written with the same digits', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (one) => isExact(JSON.stringify(one))),
    { numRuns: 2000 },
  )
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 60n }), (one) => {
      const read = JSON.stringify(Number(one))
      return isExact(String(one)) === (read === String(one))
    }),
    { numRuns: 2000 },
  )
})

/** The scanner's hash, as an attacker knows it. */
const hashOf = (seed: number, name: string): number => {
  let hash = seed
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}

/** Two texts that go from one state to the same: whatever the upper bits of the state, only its low byte counts. */
function pair(state: number): readonly [string, string] {
  const seen = new Map<number, string>()
  for (let i = 0; ; i++) {
    const text = (Math.imul(i, 0x9e3779b1) >>> 0).toString(36).padStart(7, '0')
    const hash = hashOf(state, text)
    const other = seen.get(hash)
    if (other !== undefined) return [other, text]
    seen.set(hash, text)
  }
}

it('refuses names that were chosen to have one hash, whatever the upper bits of its seed', () => {
  const pairs: (readonly [string, string])[] = []
  for (let state = 0x67; pairs.length < 9; state = hashOf(state, pairs.at(-1)?.[0] ?? '')) pairs.push(pair(state))
  const names = Array.from({ length: 512 }, (_, i) => pairs.map((one, bit) => one[(i >> bit) & 1]).join(''))
  expect(new Set(names).size).toBe(512)
  expect(new Set(names.map((name) => hashOf(0x1234567, name))).size).toBe(1)
  expect(of(`{${names.map((name) => `"${name}":0`).join()}}`)).toBe('keys')
})

it('lets names pass that meet in one place by chance', () => {
  for (const keys of [16, 1000, 8192, 65_536]) {
    const large = jsonScanner({ depth: 32, keys, exactNumbers: true }, 0x7654321)
    for (const name of [(i: number) => `k${i}`, (i: number) => `item_${i * 7919}_id`, (i: number) => i.toString(2)])
      expect(large(Buffer.from(`{${Array.from({ length: keys }, (_, i) => `"${name(i)}":0`).join()}}`))).toBeNull()
  }
})
