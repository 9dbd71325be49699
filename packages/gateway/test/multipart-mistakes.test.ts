import { mended } from '@portcullis/testing/patch'
import { describe, expect, it } from 'vitest'
import type { GatewayRoute } from '../src/index.ts'
import { boot } from './boot.ts'
import { optionsFor } from './stage.ts'

const binary = { type: 'string', format: 'binary' }
const posting = (content: object): object => ({
  openapi: '3.1.1',
  paths: { '/a': { post: { requestBody: { required: true, content: { 'multipart/form-data': content } } } } },
})
const routes: GatewayRoute[] = [{ match: { method: 'POST', path: '/a' }, upstream: 'user-service' }]

describe('a mistake in what is said of a form', () => {
  const FORM = 'openapi.paths["/a"].post.requestBody.content["multipart/form-data"]'
  const property = (one: object): object => ({ schema: { type: 'object', properties: { a: one } } })
  it.each<[string, object, string, string]>([
    ['is a form that is no object', { schema: { maxProperties: 1 } }, 'schema', 'form-untold'],
    [
      'is a keyword that is not checked',
      property({ nullable: true }),
      'schema.properties.a.nullable',
      'keyword-unsupported',
    ],
    ['is a pattern of bytes', property({ ...binary, pattern: 'a' }), 'schema.properties.a', 'part-unread'],
    ['is a constant without a type', property({ not: {} }), 'schema.properties.a', 'part-unread'],
    ['is base64', property({ type: 'string', contentEncoding: 'base64' }), 'schema.properties.a', 'part-unread'],
    [
      'is JSON in a text',
      property({ type: 'string', contentMediaType: 'application/json' }),
      'schema.properties.a',
      'part-unread',
    ],
    ['is an object or a text', property({ type: ['object', 'string'] }), 'schema.properties.a', 'part-unread'],
    ['is a list or a text', property({ type: ['array', 'string'] }), 'schema.properties.a', 'part-unread'],
    ['is a list of lists', property({ type: 'array', items: { type: 'array' } }), 'schema.properties.a', 'part-unread'],
    ['is a list of nothing', property({ type: 'array' }), 'schema.properties.a', 'part-unread'],
    [
      'is an image of a number',
      { ...property({ type: 'integer' }), encoding: { a: { contentType: 'image/png' } } },
      'schema.properties.a',
      'part-unread',
    ],
    [
      'is JSON or an image',
      { ...property({}), encoding: { a: { contentType: 'application/json, image/png' } } },
      'encoding.a.contentType',
      'part-type',
    ],
    [
      'is a media type that is none',
      { ...property({}), encoding: { a: { contentType: 'image/p*' } } },
      'encoding.a.contentType',
      'part-type',
    ],
    [
      'is another media type that is none',
      property({ type: 'string', contentMediaType: 'image' }),
      'schema.properties.a',
      'part-unread',
    ],
    [
      'is a field of a part',
      { ...property({}), encoding: { a: { headers: { 'X-A': {} } } } },
      'encoding.a.headers',
      'encoding-unsupported',
    ],
    [
      'is a style',
      { ...property({ type: 'string' }), encoding: { a: { style: 'form' } } },
      'encoding.a.style',
      'encoding-unsupported',
    ],
    ['is of no property', { ...property({ type: 'string' }), encoding: { b: {} } }, 'encoding.b', 'encoding-unknown'],
    [
      'is a property of several forms that each read in another way',
      {
        schema: {
          type: 'object',
          oneOf: [{ properties: { b: { type: 'integer' } } }, { properties: { b: { type: 'string' } } }],
        },
      },
      'schema.oneOf[1].properties.b',
      'part-untold',
    ],
    [
      'is a file in one of several forms, and a field in another',
      {
        schema: {
          type: 'object',
          properties: { b: { type: 'string' } },
          allOf: [{ anyOf: [{ properties: { b: binary } }, { required: ['b'] }] }],
        },
      },
      'schema.allOf[0].anyOf[0].properties.b',
      'part-untold',
    ],
    [
      'is of a branch that asks more of a file',
      { schema: { type: 'object', properties: { b: binary }, anyOf: [{ properties: { b: { pattern: 'a' } } }, {}] } },
      'schema.anyOf[0].properties.b',
      'part-unread',
    ],
    [
      'is of other names, whose parts are no texts',
      { schema: { type: 'object', properties: { a: {} }, additionalProperties: { type: 'integer' } } },
      'schema.additionalProperties',
      'parameter-untold',
    ],
    [
      'is a name that readers read in different ways',
      { schema: { type: 'object', properties: { 'a b': {} } } },
      'schema.properties["a b"]',
      'part-name',
    ],
  ])('%s', async (_what, content, path, rule) => {
    const options = { ...(await optionsFor(1, { routes })), openapi: posting(content) }
    const mistakes = await boot(options)
    expect(mistakes).toMatchObject([{ path: `${FORM}.${path}`, rule }])
    expect(await boot(mended(options, mistakes))).toEqual([])
  })

  it('that many refer to is told of once', async () => {
    const requestBody = { $ref: '#/components/requestBodies/Form' }
    const Form = { content: { 'multipart/form-data': { ...property({}), encoding: { a: { style: 'form' } } } } }
    const paths = { '/a': { post: { requestBody } }, '/b': { post: { requestBody } } }
    const both = [...routes, { ...routes[0], match: { method: 'POST', path: '/b' } } as GatewayRoute]
    const openapi = { openapi: '3.1.1', paths, components: { requestBodies: { Form } } }
    expect(await boot({ ...(await optionsFor(1, { routes: both })), openapi })).toHaveLength(1)
  })

  it.each(['multipart/form-data', 'application/x-www-form-urlencoded'])(
    'is an answer that is a form: %s',
    async (type) => {
      const responses = { 200: { content: { [type]: property(binary) } } }
      const openapi = { openapi: '3.1.1', paths: { '/a': { post: { responses } } } }
      const options = { ...(await optionsFor(1, { routes })), openapi }
      expect(await boot(options)).toEqual([])
      expect(await boot({ ...options, validateResponses: 'refuse' })).toMatchObject([{ rule: 'media-type-unread' }])
    },
  )
})
