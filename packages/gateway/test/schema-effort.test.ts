import { expect, it } from 'vitest'
import { Compiler } from '../src/schemas/compiler.ts'
import { wholeOf, within } from '../src/schemas/pointer.ts'
import { readQuery } from '../src/schemas/texts.ts'
import { stage, startBackend } from './stage.ts'

const branch = (op: string): object => ({
  type: 'object',
  required: ['args', 'op'],
  properties: { args: { type: 'array', items: { $ref: '#/components/schemas/Node' } }, op: { const: op } },
})

/** Filters of many an API: each branch is known by a member that is looked at last. */
const components = {
  schemas: {
    Node: { oneOf: [{ $ref: '#/components/schemas/And' }, { $ref: '#/components/schemas/Or' }] },
    And: branch('and'),
    Or: branch('or'),
  },
}

const deep = (depth: number): object => {
  let value = { args: [] as object[], op: 'and' }
  for (let i = 0; i < depth; i++) value = { args: [value], op: 'and' }
  return value
}

it('a body of some hundred bytes does not take hours to judge', async () => {
  const { port, hits } = await startBackend()
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/Node' } } }
  const openapi = { openapi: '3.1.1', paths: { '/a': { post: { requestBody: { content } } } }, components }
  const match = { method: 'POST', path: '/a' } as const
  const { app } = await stage(port, { routes: [{ match, upstream: 'user-service' }], options: { openapi } })
  const post = (payload: object) => app.inject({ method: 'POST', url: '/a', payload })
  expect((await post(deep(8))).statusCode).toBe(200)
  const answer = await post(deep(45))
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({ error: 'Invalid request: body must be simpler.' })
  expect(hits).toHaveLength(1)
  // It says nothing of the next one.
  expect((await post(deep(8))).statusCode).toBe(200)
})

it('a body whose judging needs a deeper stack than there is counts as too complex', () => {
  // A hundred schemas of the same value, and then the next level.
  const steps = Object.fromEntries(
    Array.from({ length: 100 }, (_, i) => [`s${i}`, { allOf: [{ $ref: `#/s${i + 1}` }] }]),
  )
  const whole = { ...steps, s100: { type: 'object', properties: { a: { $ref: '#/s0' } } } }
  const judge = new Compiler('request').compile(within(wholeOf(whole, ''), 's0'))
  const nested = (depth: number): unknown => (depth === 0 ? {} : { a: nested(depth - 1) })
  expect(judge.admits(nested(5), 30)).toBe(true)
  expect(judge.admits(nested(95), 100_000)).toBe(false)
  expect(judge.validate.errors).toMatchObject([{ keyword: 'complexity' }])
})

it('a discriminator chooses one branch, however deep', () => {
  const part = {
    type: 'object',
    required: ['args'],
    properties: { args: { type: 'array', items: { $ref: '#/Node' } } },
  }
  const oneOf = [{ $ref: '#/and' }, { $ref: '#/or' }]
  const whole = { Node: { oneOf, discriminator: { propertyName: 'op' } }, and: part, or: part }
  const judge = new Compiler('request').compile(within(wholeOf(whole, ''), 'Node'))
  expect(judge.admits(deep(49), 1_000)).toBe(true)
  expect(judge.admits({ args: [], op: 'not' }, 20)).toBe(false)
})

it('a long list of what is referred to is judged whole', () => {
  const schemas = {
    List: { type: 'array', items: { $ref: '#/Item' } },
    Item: { oneOf: ['A', 'B', 'C'].map((name) => ({ $ref: `#/${name}` })) },
  }
  const kinds = { A: { const: 1 }, B: { const: 2 }, C: { type: 'string' } }
  const judge = new Compiler('request').compile(within(wholeOf({ ...schemas, ...kinds }, ''), 'List'))
  const text = JSON.stringify(Array.from({ length: 100_000 }, () => 1))
  expect(judge.admits(JSON.parse(text), text.length)).toBe(true)
})

it('a name that comes a hundred thousand times is read once each', () => {
  const values = readQuery('a=1&'.repeat(100_000), new Map())
  expect(values).toMatchObject({ a: expect.any(Array) as unknown })
  expect((values as { a: unknown[] }).a).toHaveLength(100_000)
})
