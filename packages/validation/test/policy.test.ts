import { expect, it } from 'vitest'
import { gapsOf, listsOf, possibleParts, type Declared } from '../src/declared.ts'
import { compilePolicy } from '../src/policy.ts'

const route = (given: Partial<Declared>): Declared => ({
  methods: ['GET'],
  url: '/',
  body: undefined,
  query: undefined,
  params: undefined,
  headers: undefined,
  response: {},
  ...given,
})

it.each([
  [route({}), ['query']],
  [route({ methods: ['POST'] }), ['body', 'query']],
  [route({ url: '/of/:id' }), ['params', 'query']],
  [route({ methods: ['DELETE'], url: '/*' }), ['params', 'query']],
])('knows which parts %j may be sent', (declared, parts) => {
  expect(possibleParts(declared)).toEqual(parts)
})

it('counts as gaps what is neither described nor called empty', () => {
  const declared = route({ methods: ['POST'], url: '/of/:id', params: {} })
  expect(gapsOf(declared, [])).toEqual(['body', 'query'])
  expect(gapsOf(declared, ['query'])).toEqual(['body'])
})

it.each([
  [{ properties: { a: { type: 'string' }, b: { type: 'array' } } }, ['b']],
  [{ properties: { a: { type: ['string', 'array'] }, b: {} } }, ['a']],
  [{ properties: { a: { $ref: 'x' }, b: { items: {} } } }, ['a', 'b']],
])('finds the lists of the query %j', (schema, names) => {
  expect([...(listsOf(schema) ?? [])]).toEqual(names)
})

it('leaves repeated parameters to schemas that are not JSON Schema', () => {
  expect(listsOf({ '~standard': {}, properties: {} })).toBeNull()
})

it('closes what is not described, unless it is admitted, and closes what is called empty even then', () => {
  const closed = (options: object, given: Partial<Declared> = {}) =>
    compilePolicy(options, { declared: route({ url: '/:id', ...given }), limit: 1, seed: 0 }).closed
  expect(closed({})).toEqual({ body: true, query: true, params: true })
  expect(closed({}, { query: {}, params: {} })).toEqual({ body: true, query: false, params: false })
  expect(closed({}, { url: '/' }).params).toBe(false)
  expect(closed({ dangerouslyAdmitUndeclared: ['query', 'body'], empty: ['body'] })).toEqual({
    body: true,
    query: false,
    params: true,
  })
})

it('closes nothing where no route answers', () => {
  const { closed } = compilePolicy({}, { declared: null, limit: 1, seed: 0 })
  expect(closed).toEqual({ body: false, query: false, params: false })
})
