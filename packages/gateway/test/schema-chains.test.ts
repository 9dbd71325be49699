import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { compileOneByOne } from '../src/schemas/chains.ts'
import { stage, startBackend } from './stage.ts'

it('schemas that refer to one another in long chains are held to', async () => {
  const { port, hits } = await startBackend()
  const numbers = Array.from({ length: 2000 }, (_, i) => i)
  const next = (i: number): object => ({ $ref: `#/components/schemas/S${(i + 1) % numbers.length}` })
  const schema = (i: number): object => ({
    type: 'object',
    additionalProperties: false,
    properties: {
      n: { type: 'integer', maximum: i },
      next: { anyOf: [{ type: 'string' }, next(i), { type: 'null' }] },
    },
  })
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/S0' } } }
  const openapi = {
    openapi: '3.1.1',
    paths: { '/a': { post: { requestBody: { content }, responses: { 200: { description: '', content } } } } },
    components: { schemas: Object.fromEntries(numbers.map((i) => [`S${i}`, schema(i)])) },
  }
  const match = { method: 'POST', path: '/a' } as const
  const { app } = await stage(port, { routes: [{ match, upstream: 'user-service' }], options: { openapi } })
  const post = async (payload: object): Promise<number> =>
    (await app.inject({ method: 'POST', url: '/a', payload })).statusCode
  expect(await post({ n: 0, next: { n: 1, next: { n: 2, next: null } } })).toBe(200)
  expect(await post({ n: 0, next: { n: 2 } })).toBe(400)
  expect(await post({ n: 0, next: { n: 1, next: { n: 2, next: { other: 1 } } } })).toBe(400)
  expect(hits).toHaveLength(1)
})

it('compiled one by one, schemas admit what Ajv admits by itself', () => {
  const schemas = {
    A: {
      type: 'object',
      properties: { a: { type: 'integer' }, b: { $ref: '#/s/B' } },
      allOf: [{ $ref: '#/s/C' }],
      unevaluatedProperties: false,
    },
    B: { anyOf: [{ $ref: '#/s/A' }, { type: 'array', items: { $ref: '#/s/B' }, maxItems: 2 }, { $ref: '#/s/D' }] },
    C: { $ref: '#/s/E' },
    D: { enum: [1, 'x'] },
    E: { type: 'object', properties: { c: { $ref: '#/s/D' }, d: { $ref: '#/s/A' } } },
  }
  const compiled = (['whole', 'one by one'] as const).map((how) => {
    const ajv = new Ajv2020({ strict: false })
    ajv.addSchema({ s: schemas }, 'w')
    if (how === 'one by one')
      compileOneByOne(
        ajv,
        'w',
        Object.keys(schemas).map((name) => `#/s/${name}`),
      )
    return ajv.compile({ $ref: 'w#/s/A' })
  })
  const [whole, oneByOne] = compiled as [(typeof compiled)[0], (typeof compiled)[0]]
  const values = fc.letrec((tie) => ({
    a: fc
      .record(
        { a: fc.constantFrom(1, 2, 3, 'x'), b: tie('b'), c: fc.constantFrom(1, 'x', 1, 2), d: tie('a') },
        { requiredKeys: [] },
      )
      .chain((one) => fc.constantFrom(one, one, one, one, { ...one, e: 1 })),
    b: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom(1, 'x', 1, 'x', 2),
      tie('a'),
      fc.array(tie('b'), { maxLength: 3 }),
    ),
  })).a
  let admitted = 0
  fc.assert(
    fc.property(values, (value) => {
      const verdict = whole(value)
      if (verdict) admitted++
      expect([oneByOne(value), oneByOne.errors?.map(({ instancePath }) => instancePath)]).toEqual([
        verdict,
        whole.errors?.map(({ instancePath }) => instancePath),
      ])
    }),
    { numRuns: 1000 },
  )
  expect(admitted).toBeGreaterThan(50)
})
