import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Compiler } from '../src/schemas/compiler.ts'
import { faultOf } from '../src/schemas/faults.ts'
import { folded } from '../src/schemas/names.ts'
import { wholeOf } from '../src/schemas/pointer.ts'
import { startKeeper } from './keeper.ts'
import { stage } from './stage.ts'

const text = { type: 'string' }
const user = { type: 'object', properties: { role: { enum: ['user'] }, name: text } }

/** Whether a value is admitted, as it came in JSON. */
function judge(schema: object): (value: unknown) => boolean {
  const { admits } = new Compiler('request').compile(wholeOf(schema, ''))
  return (value) => admits(JSON.parse(JSON.stringify(value)), 1_000)
}

/** As `encoding/json` of Go and System.Text.Json of ASP.NET find the member that they want: whatever its case. */
const caseInsensitive = (body: string, wanted: string): unknown =>
  Object.entries(JSON.parse(body) as object).findLast(([name]) => name.toLowerCase() === wanted)?.[1]

describe('a member whose name differs from a described one in case alone', () => {
  it('does not bring a service what the schema forbids', async () => {
    const attack = '{"name":"a","Role":"admin"}'
    expect(caseInsensitive(attack, 'role')).toBe('admin')
    const bare = Fastify()
    onTestFinished(() => bare.close())
    bare.post('/users', { schema: { body: user } }, () => ({}))
    const request = {
      method: 'POST',
      url: '/users',
      payload: attack,
      headers: { 'content-type': 'application/json' },
    } as const
    expect((await bare.inject(request)).statusCode).toBe(200)

    const { backend, bodies } = await startKeeper()
    const match = { method: 'POST', path: '/users' } as const
    const { app, events } = await stage(backend.port, {
      routes: [{ match, upstream: 'user-service', schema: { body: user } }],
    })
    const refused = await app.inject(request)
    expect([refused.statusCode, refused.json<{ error: string }>().error]).toEqual([
      400,
      'Invalid request: body must NOT have properties that differ from those of its schema in case alone.',
    ])
    expect(events).toMatchObject([{ detail: { part: 'body', rule: 'ambiguous' } }])
    for (const payload of ['{"role":"user","name":"a"}', '{"role":"user","Other":1}']) {
      expect((await app.inject({ ...request, payload })).statusCode).toBe(200)
    }
    expect(bodies).toHaveLength(2)
  })

  it('is told of where it is', () => {
    const schema = {
      properties: { users: { type: 'array', items: user }, one: { $ref: '#/$defs/user' } },
      $defs: { user },
    }
    const judged = new Compiler('request').compile(wholeOf(schema, ''))
    for (const [value, asks] of [
      [{ users: [{}, { Role: 1 }] }, 'body.users.1 must NOT'],
      [{ one: { Role: 1 } }, 'body.one must NOT'],
    ] as const) {
      expect(judged.admits(value, 100)).toBe(false)
      expect(faultOf('body', judged)).toMatchObject({ rule: 'ambiguous', asks: expect.stringContaining(asks) })
    }
  })

  it.each<[string, object, unknown, unknown]>([
    ['beside it', user, { role: 'user' }, { role: 'user', ROLE: 'user' }],
    [
      'with a letter that is an s or a k to some',
      { properties: { asks: text } },
      { other: 1 },
      { 'a\u017f\u212as': 'x' },
    ],
    [
      'deep inside',
      { properties: { users: { type: 'array', items: user } } },
      { users: [{}] },
      { users: [{}, { Role: 1 }] },
    ],
    ['of a value of any name', { additionalProperties: user }, { Role: {} }, { a: { Role: 1 } }],
    ['of a part', { allOf: [user, { properties: { age: {} } }] }, { age: 1 }, { AGE: 1 }],
    ['of a branch that is not tried', { anyOf: [{ type: 'object' }, user] }, { a: 1 }, { Role: 1 }],
    ['of one that is forbidden', { properties: { admin: false } }, { a: 1 }, { Admin: 1 }],
    [
      'of one that the service alone writes',
      { properties: { id: { ...text, readOnly: true } } },
      { a: 1 },
      { Id: 'x' },
    ],
    // A schema that holds less often would let the other one pass.
    [
      'in what must not hold',
      { not: { properties: { role: { const: 'admin' } }, required: ['role'] } },
      { role: 'user' },
      { role: 'admin', Role: 1 },
    ],
    [
      'in one of which one holds',
      {
        oneOf: [
          { required: ['a'], properties: { a: text } },
          { required: ['b'], properties: { b: text } },
        ],
      },
      { a: 'x' },
      { a: 'x', b: 'y', B: 1 },
    ],
    [
      'in a condition',
      {
        if: { properties: { kind: { const: 'free' } } },
        // oxlint-disable-next-line unicorn/no-thenable -- a keyword
        then: { properties: { price: { const: 0 } } },
      },
      { kind: 'paid', price: 5 },
      { Kind: 'x', price: 5 },
    ],
  ])('is refused: %s', (_what, schema, admitted, refused) => {
    const admits = judge(schema)
    expect([admits(admitted), admits(refused)]).toEqual([true, false])
  })

  it('passes where it is described itself, of the whole or of a part', () => {
    const schemas = [
      { properties: { id: text, ID: text } },
      { properties: { ID: text }, allOf: [{ properties: { id: text } }] },
      { allOf: [{ properties: { id: text } }, { properties: { ID: text } }], additionalProperties: true },
      {
        properties: { ID: text, id: text },
        additionalProperties: false,
        anyOf: [{ properties: { id: { maxLength: 9 } } }, {}],
      },
      {
        $ref: '#/$defs/a',
        $defs: { a: { properties: { ID: text }, allOf: [{ $ref: '#/$defs/b' }] }, b: { properties: { id: text } } },
      },
    ]
    for (const schema of schemas) expect([schema, judge(schema)({ id: 'a', ID: 'b' })]).toEqual([schema, true])
  })

  it('of an answer is the service’s business', () => {
    const { admits } = new Compiler('response').compile(wholeOf(user, ''))
    expect(admits({ Role: 'x' }, 100)).toBe(true)
  })

  it('is all that is refused beside what the schema refuses', () => {
    const names = fc.constantFrom('role', 'Role', 'ROLE', 'name', 'Name', 'other', 'Other', '__proto__', 'constructor')
    const values = fc.constantFrom('user', 'admin', 1)
    const open = judge(user)
    const bare = judge({ type: 'object', properties: { Role: {}, ROLE: {}, Name: {}, ...user.properties } })
    fc.assert(
      fc.property(fc.dictionary(names, values), (value) => {
        const other = Object.keys(value).some(
          (name) => !['role', 'name'].includes(name) && ['role', 'name'].includes(name.toLowerCase()),
        )
        expect(open(value)).toBe(!other && bare(value))
      }),
    )
  })
})

it.each([
  ['role', 'role'],
  ['Role', 'role'],
  ['role[]', 'role'],
  ['role[x][y]', 'role'],
  ['ro.le', 'ro_le'],
  ['ro le', 'ro_le'],
  ['ro[le', 'ro_le'],
  [' role', 'role'],
  ['role\0x', 'role'],
  ['\u212aey', 'key'],
])('the name %j of a form is %j to careless readers', (name, read) => {
  expect(folded(name)).toBe(read)
})
