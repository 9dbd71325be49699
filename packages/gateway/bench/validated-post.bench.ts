import { fork } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import { Pool } from 'undici'
import { measure } from '../../../bench/measure.ts'
import gateway from '../src/index.ts'
import { Compiler } from '../src/schemas/compiler.ts'
import { readJson } from '../src/schemas/json.ts'
import { wholeOf, within } from '../src/schemas/pointer.ts'

// What it costs to hold a POST of 1 KB to a document: the same request to a route with and without, client included,
// in front of a backend in a process of its own. node packages/gateway/bench/validated-post.bench.ts [rounds]

const item = {
  type: 'object',
  additionalProperties: false,
  required: ['sku', 'quantity', 'price'],
  properties: {
    sku: { type: 'string', pattern: '^[A-Z]{3}-[0-9]{5}$' },
    quantity: { type: 'integer', minimum: 1, maximum: 100 },
    price: { type: 'number', minimum: 0 },
    note: { type: 'string', maxLength: 100 },
  },
}
const order = {
  type: 'object',
  additionalProperties: false,
  required: ['customer', 'email', 'items'],
  properties: {
    id: { type: 'integer', readOnly: true },
    customer: { type: 'string', format: 'uuid' },
    email: { type: 'string', format: 'email' },
    due: { type: 'string', format: 'date-time' },
    items: { type: 'array', minItems: 1, maxItems: 100, items: { $ref: '#/components/schemas/Item' } },
  },
}
const operation = {
  parameters: [{ name: 'dry', in: 'query', schema: { type: 'boolean' } }],
  requestBody: {
    required: true,
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } },
  },
}
const openapi = {
  openapi: '3.1.1',
  info: { title: 'Orders', version: '1' },
  paths: { '/orders': { post: operation } },
  components: { schemas: { Item: item, Order: order } },
}

const body = JSON.stringify({
  customer: '2f1c6a52-8a3e-4f0e-9d5a-0d9b5a1c7e11',
  email: 'masum@example.com',
  due: '2026-01-31T12:00:00Z',
  items: Array.from({ length: 11 }, (_, i) => ({
    sku: `ABC-${10_000 + i}`,
    quantity: i + 1,
    price: 9.95,
    note: 'x'.repeat(25),
  })),
})

if (process.send !== undefined) {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('{}'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.send((server.address() as AddressInfo).port)
} else await compare(Number(process.argv[2] ?? 9))

async function compare(rounds: number): Promise<void> {
  console.log(`${Buffer.byteLength(body)} bytes`)
  const bytes = Buffer.from(body)
  const { validate } = new Compiler('request').compile(within(wholeOf(openapi, ''), 'components', 'schemas', 'Order'))
  const parsed: unknown = JSON.parse(body)
  await measure(
    'the parts',
    {
      'JSON.parse': (): unknown => JSON.parse(bytes.toString()),
      'read strictly': () => readJson(bytes),
      'hold to the schema': () => validate(parsed),
    },
    { rounds },
  )

  const child = fork(import.meta.filename)
  const [port] = (await once(child, 'message')) as [number]
  const app = Fastify()
  await app.register(gateway, {
    upstreams: { service: { targets: [`http://127.0.0.1:${port}`], dangerouslyPlaintext: true } },
    internalToken: { issuer: 'gateway', key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
    dangerouslyWithoutAuth: true,
    openapi,
    routes: [
      { match: { method: 'POST', path: '/orders' }, upstream: 'service' },
      { match: { method: 'POST', path: '/unread' }, upstream: 'service', rewrite: '/orders', schema: false },
    ],
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const client = new Pool(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, { connections: 20 })
  const one = async (path: string): Promise<void> => {
    const answer = await client.request({ method: 'POST', path, body, headers: { 'content-type': 'application/json' } })
    await answer.body.dump()
    if (answer.statusCode !== 200) throw new Error(String(answer.statusCode))
  }
  // Twenty at once, as under load.
  const post = (path: string) => () => Promise.all(Array.from({ length: 20 }, () => one(path)))
  await measure(
    'twenty requests',
    { 'passed unread': post('/unread'), 'held to the document': post('/orders') },
    { rounds },
  )
  await client.close()
  await app.close()
  child.kill()
}
