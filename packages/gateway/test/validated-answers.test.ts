import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { stage, startBackend } from './stage.ts'

const item = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'secret'],
  properties: { id: { type: 'integer', readOnly: true }, secret: { type: 'string', writeOnly: true } },
}

const json = { 'application/json': { schema: { $ref: '#/components/schemas/Item' } } }

const openapi = {
  openapi: '3.1.1',
  paths: {
    '/items': {
      get: {
        responses: {
          200: {
            description: 'One.',
            headers: {
              'X-Total': { required: true, schema: { type: 'integer', minimum: 0 } },
              'X-Kinds': { schema: { type: 'array', maxItems: 2, items: { enum: ['a', 'b'] } } },
              'X-Span': { explode: true, schema: { type: 'object', properties: { from: { type: 'integer' } } } },
              'Set-Cookie': { $ref: '#/components/headers/Cookie' },
              'Content-Type': { schema: { type: 'integer' } },
            },
            content: { ...json, 'text/csv': {} },
          },
          204: { description: 'None.' },
          '2XX': { description: 'Another.', content: { 'application/*': { schema: { type: 'array' } } } },
          '4XX': { description: 'Not so.', content: { 'application/problem+json': { schema: { type: 'object' } } } },
        },
      },
    },
  },
  components: {
    schemas: { Item: item },
    headers: { Cookie: { schema: { type: 'string', pattern: '^(?:theme|size)=' } } },
  },
}

type Answer = readonly [status: number, fields: Record<string, string | string[]>, body: string]

async function ask(
  [status, fields, body]: Answer,
  strictness: 'refuse' | 'report',
  method: 'GET' | 'HEAD' = 'GET',
): Promise<{ status: number; body: string; told: unknown[] }> {
  const { port } = await startBackend((_request, response: ServerResponse) => {
    response.writeHead(status, fields).end(body)
  })
  const { app, events } = await stage(port, {
    routes: [{ match: { path: '/items' }, upstream: 'user-service' }],
    options: { openapi, validateResponses: strictness },
  })
  const answer = await app.inject({ method, url: '/items' })
  const told = events.map(({ type, outcome, detail }) => ({ type, outcome, ...detail }))
  return { status: answer.statusCode, body: answer.body, told }
}

const TYPE = { 'content-type': 'application/json' }
const fine = { ...TYPE, 'x-total': '7' }
const one = '{"id":1}'

describe('an answer that is described', () => {
  it.each<[string, ...Answer]>([
    ['by its schema', 200, fine, one],
    ['with lists and objects in fields', 200, { ...fine, 'x-kinds': 'a, b', 'x-span': 'from=1,to=2' }, one],
    ['with cookies', 200, { ...fine, 'set-cookie': ['theme=a; Expires=Thu, 01 Jan 2032 00:00:00 GMT', 'size=1'] }, one],
    ['in another type', 200, { 'x-total': '0', 'content-type': 'text/csv' }, 'a;b'],
    ['without content', 204, {}, ''],
    ['by the class of its status', 201, { 'content-type': 'application/vnd.shop+json' }, '[]'],
    ['as a mistake', 404, { 'content-type': 'application/problem+json; charset=utf-8' }, '{}'],
  ])('%s passes', async (_what, ...answer) => {
    for (const strictness of ['refuse', 'report'] as const) {
      expect(await ask(answer, strictness)).toEqual({ status: answer[0], body: answer[2], told: [] })
    }
  })
})

describe('an answer that is not described', () => {
  it.each<[string, string, string | null, ...Answer]>([
    [
      'a member for services alone',
      'not-admitted',
      'answer.secret must NOT be sent',
      200,
      fine,
      '{"id":1,"secret":"x"}',
    ],
    [
      'a member too many',
      'additionalProperties',
      'answer must NOT have additional properties',
      200,
      fine,
      '{"id":1,"a":1}',
    ],
    ['a member twice', 'duplicate-member', null, 200, fine, '{"id":1,"id":2}'],
    ['no JSON', 'malformed', null, 200, fine, '<html>'],
    ['no field that is required', 'required', "answer.headers must have required property 'x-total'", 200, TYPE, one],
    [
      'a field beyond its bound',
      'minimum',
      'answer.headers.x-total must be >= 0',
      200,
      { ...TYPE, 'x-total': '-1' },
      one,
    ],
    [
      'a field of another type',
      'type',
      'answer.headers.x-total must be integer',
      200,
      { ...TYPE, 'x-total': 'x' },
      one,
    ],
    ['a list that is too long', 'maxItems', null, 200, { ...fine, 'x-kinds': 'a, b, a' }, one],
    ['a member of a field', 'type', null, 200, { ...fine, 'x-span': 'from=x' }, one],
    ['a field that is no object', 'malformed', null, 200, { ...fine, 'x-span': 'from' }, one],
    ['one cookie of several', 'pattern', null, 200, { ...fine, 'set-cookie': ['theme=a', 'session=1'] }, one],
    ['a field of an answer in another type', 'type', null, 200, { 'x-total': 'x', 'content-type': 'text/csv' }, 'zz'],
    ['another media type', 'media-type', null, 200, { 'x-total': '1', 'content-type': 'text/html' }, one],
    ['another status', 'status-undescribed', null, 500, TYPE, one],
    ['a coding', 'content-encoding', null, 200, { ...fine, 'content-encoding': 'gzip' }, 'zz'],
  ])('for %s is refused, or told of', async (_what, rule, asks, ...answer) => {
    const refused = await ask(answer, 'refuse')
    expect(refused.status).toBe(502)
    expect(refused.body).not.toContain(answer[2])
    const told = await ask(answer, 'report')
    expect([told.status, told.body]).toEqual([answer[0], answer[2]])
    for (const [{ told: events }, outcome] of [
      [refused, 'denied'],
      [told, 'observed'],
    ] as const) {
      const event = { type: 'gateway.answer-invalid', outcome, rule, ...(asks !== null && { asks }) }
      expect(events).toMatchObject([event])
    }
  })
})

it('fields of an answer to HEAD may be absent', async () => {
  expect(await ask([200, TYPE, ''], 'refuse', 'HEAD')).toMatchObject({ status: 200, told: [] })
})
