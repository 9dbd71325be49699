import { Writable } from 'node:stream'
import { describeSecurity, type Mistake } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import validation, { type ValidationOptions } from '../src/index.ts'
import { lintSchema } from '../src/lint.ts'
import { openJudge } from '../src/patterns.ts'
import { bare, json, note } from './apps.ts'

const judge = await openJudge()
const empty = { security: { validation: { empty: ['query' as const] } } }

async function boot(options: ValidationOptions, declare: (app: FastifyInstance) => void) {
  const lines: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      const { level, lines: told } = JSON.parse(chunk.toString()) as { level: number; lines?: string[] }
      if (level === 40 && told !== undefined) lines.push(...told)
      done()
    },
  })
  const app = bare({ logger: { level: 'warn', stream } })
  await app.register(validation, options)
  declare(app)
  const error = await app.ready().then(
    () => null,
    (thrown: unknown) => thrown as { mistakes: Mistake[] },
  )
  return { app, lines, mistakes: error?.mistakes ?? [] }
}

describe('the gaps', () => {
  const declare = (app: FastifyInstance): void => {
    app.post('/of/:id', async () => 'x')
    app.get('/', { config: empty }, async () => 'x')
    app.put('/all', { schema: { body: note, querystring: note } }, async () => 'x')
  }

  it('are listed at boot, each with the line to add', async () => {
    const { lines } = await boot({ looseSchemas: 'ignore' }, declare)
    expect(lines).toEqual([
      "POST /of/:id schema.body is missing, so the body is closed; add body: { type: 'object', additionalProperties: false, properties: {} }, or config.security.validation.empty: ['body']",
      "POST /of/:id schema.params is missing, so the params are closed; add params: { type: 'object', additionalProperties: false, properties: { id: { type: 'string', maxLength: 100 } }, required: [ 'id' ] }",
      "POST /of/:id schema.querystring is missing, so the query is closed; add querystring: { type: 'object', additionalProperties: false, properties: {} }, or config.security.validation.empty: ['query']",
    ])
  })

  it('are closed by the lines to add, and the parameters of a URL then pass', async () => {
    const schema: Record<string, unknown> = {}
    const { mistakes } = await boot({ strict: true }, (app) => {
      app.post('/of/:id/all/*', async () => 'x')
    })
    for (const { fix } of mistakes)
      for (const one of fix) if (one.op === 'add') schema[one.path.slice('/schema/'.length)] = one.value
    const again = await boot({ strict: true, looseSchemas: 'refuse' }, (app) => {
      app.post('/of/:id/all/*', { schema }, async (request) => request.params)
    })
    expect([mistakes.length, again.mistakes]).toEqual([3, []])
    const answer = await again.app.inject({ method: 'POST', url: '/of/1/all/a/b', headers: json, payload: '{}' })
    expect(answer.json()).toEqual({ id: '1', '*': 'a/b' })
  })

  it('refuse to boot where the app is strict', async () => {
    const { mistakes } = await boot({ strict: true }, declare)
    expect(mistakes.map(({ route, path }) => `${route} ${path}`)).toEqual([
      'POST /of/:id schema.body',
      'POST /of/:id schema.params',
      'POST /of/:id schema.querystring',
    ])
  })

  it('are none where every part is described or empty', async () => {
    const { lines, mistakes } = await boot({ strict: true, looseSchemas: 'refuse' }, (app) => {
      app.get('/', { config: empty }, async () => 'x')
      app.post('/', { schema: { body: note }, config: empty }, async () => 'x')
    })
    expect([lines, mistakes]).toEqual([[], []])
  })
})

it('answers without a schema refuse to boot where one is required', async () => {
  const { mistakes } = await boot({}, (app) => {
    const required = { security: { validation: { empty: ['query' as const], requireResponse: true } } }
    app.get('/', { config: required }, async () => 'x')
    app.get('/described', { config: required, schema: { response: { '2xx': note } } }, async () => 'x')
    app.get('/other', { config: empty }, async () => 'x')
  })
  expect(mistakes).toMatchObject([{ route: 'GET /', rule: 'response-undeclared' }])
})

it('describeSecurity shows what covers each part', async () => {
  const { app } = await boot({}, (one) => {
    one.post('/of/:id', { schema: { body: note, response: { 201: note } } }, async () => 'x')
    one.get(
      '/open',
      { config: { security: { validation: { dangerouslyAdmitUndeclared: ['query'] } } } },
      async () => 'x',
    )
  })
  const described = describeSecurity(app)
  const coverage = (wanted: string) =>
    described.flatMap(({ method, policies }) => (method === wanted ? [policies['validation']] : []))[0]
  expect(coverage('POST')).toMatchObject({
    coverage: {
      body: 'schema',
      params: 'closed',
      query: 'closed',
      headers: 'not checked',
      response: 'schema',
    },
  })
  expect(coverage('GET')).toMatchObject({ coverage: { query: 'admitted unseen', response: 'not checked' } })
})

describe('a schema', () => {
  it.each([
    [{ type: 'object', properties: {} }, ['object-open']],
    [{ type: 'object', additionalProperties: {} }, ['object-open', 'untyped']],
    [{ type: 'object', additionalProperties: true, maxProperties: 9 }, ['object-open']],
    [{ type: 'object', additionalProperties: { type: 'boolean' }, maxProperties: 9 }, []],
    [{ type: 'object', unevaluatedProperties: false }, []],
    [{ type: 'array', items: { type: 'boolean' } }, ['array-unbounded']],
    [{ type: 'string' }, ['string-unbounded']],
    [{ type: 'string', enum: ['a'] }, []],
    [{ type: 'string', format: 'uuid' }, []],
    [{ type: 'string', format: 'colour', maxLength: 9 }, ['format-unknown']],
    [{ type: 'string', pattern: '^(a+)+$', maxLength: 9 }, ['pattern-backtracks']],
    [{ type: 'string', pattern: 'a*a*b', maxLength: 200 }, []],
    [{ type: 'string', pattern: 'a*a*b', maxLength: 100_000 }, ['pattern-backtracks']],
    [{ type: 'string', pattern: '^[a-z]{1,9}$', maxLength: 9 }, []],
    [{ type: 'integer' }, ['number-unranged']],
    [{ type: 'number', exclusiveMinimum: 0, maximum: 9 }, []],
    [{ type: ['string', 'null'], maxLength: 9 }, []],
    [{}, ['untyped']],
    [
      {
        allOf: [{ type: 'object', properties: { a: { type: 'string' } } }],
        type: 'object',
        unevaluatedProperties: false,
      },
      ['string-unbounded'],
    ],
    [{ anyOf: [{ type: 'string' }, { type: 'integer' }] }, ['string-unbounded', 'number-unranged']],
    [{ $ref: '#/$defs/a', $defs: { a: { type: 'string' } } }, ['string-unbounded']],
    [{ allOf: [{ type: 'object', properties: {} }, { required: ['a'] }] }, ['object-open']],
    [{ allOf: [{ type: 'object', properties: {} }], unevaluatedProperties: false }, []],
    [{ allOf: [{ type: 'object', additionalProperties: false }, { required: ['a'] }] }, []],
    [{ oneOf: [{ type: 'object', properties: {} }] }, ['object-open']],
    [{ type: 'object', unevaluatedProperties: false, oneOf: [{ properties: {} }, { properties: {} }] }, []],
    [
      { type: 'object', additionalProperties: false, patternProperties: { '^a': { type: 'boolean' } } },
      ['object-open'],
    ],
    [
      {
        type: 'object',
        additionalProperties: false,
        maxProperties: 9,
        patternProperties: { '^(a+)+$': { type: 'boolean' } },
      },
      ['pattern-backtracks'],
    ],
    [
      {
        type: 'object',
        additionalProperties: { type: 'boolean' },
        maxProperties: 9,
        propertyNames: { pattern: '^(a|a)*$' },
      },
      ['pattern-backtracks'],
    ],
    [{ type: 'array', maxItems: 2, items: [{ type: 'boolean' }, { type: 'string' }] }, ['string-unbounded']],
    [{ type: 'array', maxItems: 2, prefixItems: [{ type: 'string' }], items: false }, ['string-unbounded']],
  ])('%j is told %j', (schema, rules) => {
    expect(lintSchema(schema, judge).map(({ rule }) => rule)).toEqual(rules)
  })

  it('that contains itself is looked at once', () => {
    const node: Record<string, unknown> = { type: 'object', additionalProperties: false }
    node['properties'] = { next: node }
    expect(lintSchema(node, judge)).toEqual([])
  })

  it('that another refers to is looked through where it is named', async () => {
    const { mistakes } = await boot({ looseSchemas: 'refuse' }, (app) => {
      app.addSchema({
        $id: 'user',
        type: 'object',
        properties: { name: { type: 'string', pattern: '^(a+)+$', maxLength: 9 } },
      })
      app.post('/', { schema: { body: { $ref: 'user#' } }, config: empty }, async () => 'x')
      const whole = { allOf: [{ $ref: 'user#' }, { required: ['name'] }] }
      app.put('/', { schema: { body: whole }, config: empty }, async () => 'x')
    })
    expect(mistakes.map(({ path, rule }) => `${path} ${rule}`)).toEqual([
      'schema.body.$ref object-open',
      'schema.body.$ref.properties.name pattern-backtracks',
      'schema.body object-open',
      'schema.body.allOf.0.$ref.properties.name pattern-backtracks',
    ])
  })

  it.each([
    '^[\\w.+-]+@[\\w-]+\\.[\\w.]{2,}$',
    '^\\d{4}-\\d{2}-\\d{2}$',
    '^(?:\\+|00)[1-9]\\d{6,14}$',
    '^[a-z0-9]+(?:-[a-z0-9]+)*$',
    '^#[0-9a-fA-F]{6}$',
  ])('with the usual pattern %s, on a short text, is told nothing of', (pattern) => {
    expect(lintSchema({ type: 'string', maxLength: 100, pattern }, judge)).toEqual([])
  })

  it.each(['(a+)+$', '^(a|a)*$', '^(a|aa)+$', '^(?=(a+)+$)', '^([a-z]+)*\\d$', '^(\\w+\\s?)*$', '^(a*)*b\\1$'])(
    'with the pattern %s is told of it',
    (pattern) => {
      expect(lintSchema({ type: 'string', maxLength: 100, pattern }, judge)).toMatchObject([
        { rule: 'pattern-backtracks' },
      ])
    },
  )

  it('of Zod is looked at too', async () => {
    const { mistakes } = await boot({ looseSchemas: 'refuse' }, (app) => {
      app.post('/', { schema: { body: z.object({ text: z.string() }) }, config: empty }, async () => 'x')
    })
    expect(mistakes.map(({ path, rule }) => `${path} ${rule}`)).toEqual([
      'schema.body object-open',
      'schema.body.properties.text string-unbounded',
    ])
  })

  it('with loose ends is told at boot, and refuses it by option', async () => {
    const declare = (app: FastifyInstance): void => {
      app.post('/', { schema: { body: { type: 'object' } }, config: empty }, async () => 'x')
    }
    expect((await boot({}, declare)).lines).toEqual([
      'POST / schema.body takes members that it does not name; add additionalProperties: false',
    ])
    expect((await boot({ looseSchemas: 'refuse' }, declare)).mistakes).toMatchObject([
      { rule: 'object-open', fix: [{ op: 'add', path: '/schema/body/additionalProperties', value: false }] },
    ])
    expect((await boot({ looseSchemas: 'ignore' }, declare)).lines).toEqual([])
  })
})
