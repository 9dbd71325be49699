import { expect, it } from 'vitest'
import { jsonScanner, type JsonFault } from '../src/json-scan.ts'

/** How many documents are tried; a million takes half a minute. */
const DOCUMENTS = Number(process.env['DOCUMENTS'] ?? 20_000)
const limits = { depth: 6, keys: 12, exactNumbers: true }
const scan = jsonScanner(limits, 0x51ab3377)

/** Digits and exponent of a decimal, as one text. */
function canonical(text: string): string {
  const [mantissa = '', power = '0'] = text.replace(/^-/, '').toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const short = digits.replace(/0+$/, '')
  return short === '' ? '0' : `${short}e${Number(power) - fraction.length + digits.length - short.length}`
}

function isKept(text: string): boolean {
  const written = canonical(text)
  return written === '0' || (written.indexOf('e') <= 17 && written === canonical(Number(text).toExponential()))
}

/** What a reader that builds everything finds in a text that `JSON.parse` takes: slow, recursive, and plain. */
function faultsOf(text: string): Set<JsonFault> {
  const faults = new Set<JsonFault>()
  let at = 0
  let keys = 0
  const blank = (): void => void (at += /^[ \t\n\r]*/.exec(text.slice(at))?.[0].length ?? 0)
  const string = (): string => {
    const raw = /^"(?:[^"\\]|\\.)*"/s.exec(text.slice(at))?.[0] ?? ''
    at += raw.length
    const value = JSON.parse(raw) as string
    if (!value.isWellFormed()) faults.add('lone-surrogate')
    return value
  }
  function items(close: string, one: () => void): void {
    for (at++, blank(); text[at] !== close; blank()) {
      if (text[at] === ',') at++
      one()
    }
    at++
  }
  function value(depth: number, parent: string): void {
    blank()
    const first = text[at] ?? ''
    if ('{['.includes(first) && depth === limits.depth) faults.add('depth')
    if (first === '[') items(']', () => value(depth + 1, ''))
    else if (first === '{') {
      const seen = new Set<string>()
      items('}', () => {
        blank()
        const name = string()
        if (++keys > limits.keys) faults.add('keys')
        if (seen.has(name)) faults.add('duplicate-member')
        if (name === '__proto__' || (name === 'prototype' && parent === 'constructor')) faults.add('prototype-key')
        seen.add(name)
        blank()
        at++
        value(depth + 1, name)
      })
    } else if (first === '"') string()
    else {
      const plain = /^[\w.+-]+/.exec(text.slice(at))?.[0] ?? ''
      at += plain.length
      if (/\d/.test(plain) && !isKept(plain)) faults.add('number-precision')
    }
  }
  value(0, '')
  return faults
}

const names = ['"a"', '"\\u0061"', '"b"', '"__proto__"', '"\\u005f_proto__"', '"constructor"', '"construct\\u006fr"']
names.push('"prototype"', '"é"', '"\\u00e9"', '"\\/"', '"/"', '""', '"a\\"b"', '"\\ud83d\\ude00"', '"😀"', '"\\\\"')
names.push(`"${'x'.repeat(40)}"`, '"\\uD83D"', '"k1"', '"k2"', '"k3"')
const numbers = '0 -0 1 1e400 9007199254740993 9007199254740992 0.1 1.10 1E2 1e-400 123456789012345678 5e-324 0e999'
  .concat(' 0.30000000000000004 1.7976931348623157e308 100000000000000000000 1e23 12345678901234567890123 3.0e-310')
  .split(' ')
const texts = [
  ...names,
  '"\\udc00\\ud800"',
  '"\\n\\u0000"',
  `"${'y'.repeat(50)}\\u0041${'z'.repeat(50)}"`,
  '"\\ud83dx"',
]
texts.push(`"${'\\\\'.repeat(20)}"`)
const marks = '{}[]",:\\0123456789eE+-. \nn_u'

/** Documents of the pieces above, a third of them with a slip. */
function documents(seed: number): () => string {
  let state = seed
  const below = (bound: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  const of = (list: readonly string[]): string => list[below(list.length)] as string
  const gap = (): string => of(['', '', '', ' ', '\n', '\t '])
  const several = (open: string, close: string, one: () => string): string =>
    `${open}${gap()}${Array.from({ length: below(4) }, one).join(`${gap()},${gap()}`)}${gap()}${close}`
  function document(depth: number): string {
    const kind = below(depth > 7 ? 6 : 12)
    if (kind < 2) return of(numbers)
    if (kind < 4) return of(texts)
    if (kind < 6) return of(['true', 'false', 'null'])
    if (kind < 8) return several('[', ']', () => document(depth + 1))
    return several('{', '}', () => `${of(names)}${gap()}:${gap()}${document(depth + 1)}`)
  }
  return () => {
    const text = document(0)
    if (below(3) > 0) return text
    const at = below(text.length + 1)
    const mark = below(4) === 0 ? '' : of(marks.split(''))
    return text.slice(0, at) + mark + text.slice(at + below(2))
  }
}

it('finds in whatever a parser takes what a reader that builds everything finds', () => {
  const next = documents(7)
  const count = { taken: 0, refused: 0 }
  for (let i = 0; i < DOCUMENTS; i++) {
    const bytes = Buffer.from(next())
    const text = bytes.toString()
    const found = scan(bytes)
    try {
      JSON.parse(text)
    } catch {
      continue
    }
    const faults = faultsOf(text)
    if (found === null ? faults.size > 0 : !faults.has(found))
      expect.fail(`${text}: ${found}, not ${[...faults].join()}`)
    count[found === null ? 'taken' : 'refused']++
  }
  expect(Math.min(count.taken, count.refused)).toBeGreaterThan(DOCUMENTS / 10)
})
