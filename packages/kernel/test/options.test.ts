import { createSecretKey, KeyObject } from 'node:crypto'
import { mended, type Operation, patched } from '@portcullis/testing/patch'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileOptions, type Finding, type ObjectSchema } from '../src/index.ts'

interface Shape {
  origins: string[]
  credentials?: boolean
  limit?: number
  mode?: string
  key?: unknown
  on?: unknown
  map?: Record<string, { size: number }>
  nested?: { depth?: number }
}

const schema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['origins'],
  properties: {
    origins: {
      type: 'array',
      minItems: 1,
      maxItems: 3,
      uniqueItems: true,
      items: { type: 'string', pattern: '^https:', title: 'an https origin', examples: ['https://a.example'] },
      examples: [['https://a.example']],
    },
    credentials: { type: 'boolean', default: false },
    limit: { type: 'integer', minimum: 1, maximum: 10, default: 5 },
    mode: { type: 'string', enum: ['strict', 'lenient'], synonyms: { loose: 'lenient' }, default: 'strict' },
    key: { accepts: ['string', 'Buffer', 'KeyObject'], minLength: 4, examples: ['abcd'] },
    on: { accepts: ['function'] },
    map: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        required: ['size'],
        properties: { size: { type: 'integer', examples: [1] } },
      },
      propertyNames: { pattern: '^[a-z]+$' },
      examples: [{}],
    },
    nested: {
      type: 'object',
      additionalProperties: false,
      default: {},
      properties: { depth: { type: 'integer', exclusiveMinimum: 0, default: 2 } },
    },
  },
}

function check(options: Readonly<Shape>): Finding[] {
  if (options.credentials !== true || !options.origins.includes('https://*')) return []
  return [
    {
      at: '/credentials',
      rule: 'wildcard',
      message: 'needs exact origins',
      fix: [{ op: 'replace', path: '/credentials', value: false }],
    },
  ]
}

const inspect = compileOptions<Shape>(schema, check)
const origins = ['https://a.example']

describe('valid options', () => {
  it('come back as a deep-frozen copy with defaults, and the original stays as it was', () => {
    const given = { origins: [...origins] }
    const { options } = inspect(given)
    expect(options).toEqual({ origins, credentials: false, limit: 5, mode: 'strict', nested: { depth: 2 } })
    expect([Object.isFrozen(options), Object.isFrozen(options?.origins), Object.isFrozen(options?.nested)]).toEqual([
      true,
      true,
      true,
    ])
    expect(Object.isFrozen(given.origins)).toBe(false)
  })

  it('keep functions, Buffers and KeyObjects by reference', () => {
    const on = (): void => undefined
    for (const key of [Buffer.from('abcd'), createSecretKey(Buffer.from('abcd'))]) {
      const { options } = inspect({ origins, key, on })
      expect([options?.key === key, options?.on === on]).toEqual([true, true])
    }
    expect(inspect({ origins, key: createSecretKey(Buffer.from('a')) }).options?.key).toBeInstanceOf(KeyObject)
  })

  it('are never coerced', () => {
    for (const given of [
      { limit: '5' },
      { credentials: 'false' },
      { origins: 'https://a.example' },
      { limit: null },
      { mode: 1 },
    ]) {
      expect(inspect({ origins, ...given }).options).toBeUndefined()
    }
  })
})

describe('mistakes', () => {
  it('are told all at once, each with path, rule and words that can be pasted', () => {
    const { mistakes } = inspect({
      orgins: [],
      limit: '7',
      mode: 'Strict',
      nested: { depth: 0, dept: 1 },
      credentials: 'true',
    })
    expect(mistakes.map(({ path, rule, message }) => `${path} | ${rule} | ${message}`)).toEqual([
      'orgins | additionalProperties | is not an option; did you mean `origins`?',
      'credentials | type | must be a boolean, not a string; write credentials: true',
      'limit | type | must be an integer, not a string; write limit: 7',
      "mode | enum | must be one of 'strict', 'lenient'; write mode: 'strict'",
      'nested.dept | additionalProperties | is not an option; did you mean `depth`?',
      'nested.depth | exclusiveMinimum | must be greater than 0; write depth: 2',
    ])
  })

  it('know what others call a value', () => {
    const { mistakes } = inspect({ origins, mode: 'loose' })
    expect(mistakes).toMatchObject([{ rule: 'enum', fix: [{ op: 'replace', path: '/mode', value: 'lenient' }] }])
  })

  it('between fields are told beside those of single fields', () => {
    const { mistakes } = inspect({ origins: ['https://*'], credentials: true, limits: 3 })
    expect(mistakes.map(({ path, rule }) => `${path} ${rule}`)).toEqual([
      'limits additionalProperties',
      'credentials wildcard',
    ])
  })

  it.each([
    [undefined],
    [{}],
    [{ origins: [] }],
    [{ origins: ['https://a.example', 'https://a.example'] }],
    [{ origins: ['http://a'] }],
    [{ origins: 'https://a.example' }],
    [{ origin: 'https://a.example' }],
    [{ origins, limit: 0 }],
    [{ origins, limit: 1.5 }],
    [{ origins, limit: 99 }],
    [{ origins, key: 5 }],
    [{ origins, key: 'a' }],
    [{ origins, on: 'x' }],
    [{ origins, map: { UPPER: { size: 1 } } }],
    [{ origins, map: { a: {} } }],
    [{ origins, map: { a: { size: 'x' } } }],
    [{ origins, nested: 5 }],
    [{ origins, credentials: null }],
    [{ origins: ['https://*'], credentials: true }],
    [JSON.parse('{"origins":["https://a.example"],"__proto__":{"credentials":true}}')],
    [{ origins, constructor: 1 }],
  ])('%j has fixes that make it valid', (given) => {
    const { mistakes } = inspect(given)
    expect(mistakes.length).toBeGreaterThan(0)
    const again = inspect(mended(given ?? {}, mistakes))
    expect(again.mistakes).toEqual([])
  })

  it('of any JSON have fixes that make it valid', () => {
    const keys = fc.constantFrom(
      'origins',
      'orgins',
      'limit',
      'limits',
      'mode',
      'map',
      'nested',
      'credentials',
      'key',
      'x',
    )
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      fc.array(fc.constantFrom('https://a.example', 'https://*', 1)),
    )
    fc.assert(
      fc.property(fc.dictionary(keys, value), (given) => {
        const { options, mistakes } = inspect(given)
        if (options !== undefined) return
        expect(inspect(mended(given, mistakes)).mistakes).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    ['a place within one that is taken away', { origins, map: { '': {} } }],
    ['entries of a list that gets shorter', { origins: ['https://a', 'https://a', 1, 'https://a', 'https://a'] }],
    ['more entries than there may be', { origins: ['https://a', 'https://b', 'https://c', 1, 2] }],
  ])('have fixes that name what is there: %s', (_name, given) => {
    const strict = inspect(given).mistakes.flatMap(({ fix }) => fix)
    const holds = (document: object, { op, path }: Operation): boolean => {
      const keys = path.split('/').slice(1)
      const parent = keys.slice(0, -1).reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], document)
      if (typeof parent !== 'object' || parent === null) return false
      return op === 'add' || op === 'move' || Object.hasOwn(parent, keys.at(-1) ?? '')
    }
    let document: object = given
    for (const operation of strict) {
      expect({ operation, holds: holds(document, operation) }).toEqual({ operation, holds: true })
      document = patched(document, [operation])
    }
    expect(inspect(document).mistakes).toEqual([])
  })

  it('do not reach Object.prototype', () => {
    inspect(JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('a misspelt key', () => {
  it('beside an option that has a default is moved, not removed', () => {
    const { mistakes } = inspect({ origins, limt: 7, credental: true })
    expect(mistakes.map(({ fix }) => fix[0]?.op)).toEqual(['move', 'move'])
    const given = { origins, limt: 7, credental: true }
    expect(inspect(mended(given, inspect(given).mistakes)).options).toMatchObject({ limit: 7, credentials: true })
  })

  it('one level too high is told where it belongs, and moved there', () => {
    const given = { origins, depth: 4 }
    const { mistakes } = inspect(given)
    expect(mistakes[0]?.message).toBe('is not an option here; did you mean `nested.depth`?')
    expect(inspect(mended(given, mistakes)).options).toMatchObject({ nested: { depth: 4 } })
  })
})

it('a missing secret is described, not shown by an example', () => {
  const secret: ObjectSchema = {
    type: 'object',
    additionalProperties: false,
    required: ['key'],
    properties: {
      key: { type: 'string', writeOnly: true, description: 'The private key, PEM.', examples: ['-----BEGIN'] },
    },
  }
  expect(compileOptions(secret)({}).mistakes[0]?.message).toBe('is required; give the private key, PEM')
})

describe('a mistake that a newcomer makes', () => {
  const entry = { type: 'object', additionalProperties: false, properties: { ban: { type: 'integer', default: 1 } } }
  const field = {
    type: 'string',
    pattern: '^[a-z-]+$',
    title: 'a field name in lower case',
    examples: ['x-tenant'],
    synonyms: { 'X Acc': 'x-acc' },
  }
  const token = { key: { type: 'string', examples: ['a'] }, name: { type: 'string', examples: ['b'] } }
  const properties = {
    list: { type: 'array', items: entry, default: [] },
    client: { accepts: ['object'], title: 'a client (`new Client()`)', examples: [{}] },
    field,
    token: { type: 'object', additionalProperties: false, properties: token },
  }
  const synonyms = { column: 'field', secret: 'token.key' }
  const newcomer = compileOptions<object>({ type: 'object', additionalProperties: false, synonyms, properties })

  it.each([
    ['an option of entries beside their list', { ban: 3 }, 'is not an option here; did you mean `list[].ban`?', {}],
    ['an address for a client', { client: 'redis://' }, 'must be a client (`new Client()`), not a string', {}],
    ['a name in capitals', { field: 'X-Acc' }, "write field: 'x-acc'", { field: 'x-acc' }],
    ['a synonym', { field: 'X Acc' }, "write field: 'x-acc'", { field: 'x-acc' }],
    ['a name of other letters', { field: 'X_Acc' }, "write field: 'x-tenant'", { field: 'x-tenant' }],
    ['a name that others have for an option', { column: 'a' }, 'did you mean `field`?', { field: 'a' }],
    ['one for an option within another', { secret: 'a' }, 'did you mean `token.key`?', { token: { key: 'a' } }],
  ])('is told by what was meant: %s', (_, given, message, meant) => {
    const { mistakes } = newcomer(given)
    expect(mistakes.map((one) => one.message)).toEqual([expect.stringContaining(message)])
    expect(mended(given, mistakes)).toEqual(meant)
  })

  it('two of which stand one level too high, and mending the second loses nothing of the first', () => {
    const given = { secret: 'a', name: 'b' }
    expect(mended(given, newcomer(given).mistakes)).toEqual({ token: { key: 'a', name: 'b' } })
  })
})
