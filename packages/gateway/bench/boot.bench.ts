/**
 * How long a gateway with many routes takes to be ready, beside an app with as many routes and nothing behind them.
 * `node packages/gateway/bench/boot.bench.ts 5000`
 */
import { generateKeyPairSync } from 'node:crypto'
import Fastify, { type FastifyInstance } from 'fastify'
import gateway, { type GatewayOptions, type GatewayRoute } from '../src/index.ts'

const count = Number(process.argv[2] ?? '1000')
const numbers = Array.from({ length: count }, (_, i) => i)
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const routes = numbers.map((i): GatewayRoute => ({
  match: { method: ['GET', 'PUT'], path: `/things${i}/:id/parts` },
  upstream: 'things',
  rewrite: `/api/things${i}/:id/parts`,
}))

const reference = (i: number): object => ({ $ref: `#/components/schemas/Thing${i}` })
const json = (i: number): object => ({ content: { 'application/json': { schema: reference(i) } } })
const operations = (i: number): object => ({
  parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
  get: {
    parameters: [{ name: 'q', in: 'query', schema: { type: 'string' } }],
    responses: { 200: { description: '', ...json(i) } },
  },
  put: { requestBody: json(i), responses: { 200: { description: '' } } },
})
const thing = (i: number): object => ({
  type: 'object',
  properties: { name: { type: 'string' }, size: { type: 'integer' }, part: reference(i % 20) },
})
const openapi = {
  openapi: '3.1.1',
  info: { title: 'Things', version: '1' },
  paths: Object.fromEntries(numbers.map((i) => [`/things${i}/{id}/parts`, operations(i)])),
  components: { schemas: Object.fromEntries(numbers.map((i) => [`Thing${i}`, thing(i)])) },
}

async function gatewayWith(more: Partial<GatewayOptions>): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(gateway, {
    upstreams: { things: { targets: ['https://things.local:7001'] } },
    internalToken: { issuer: 'gateway', key: privateKey },
    routes,
    dangerouslyWithoutAuth: true,
    ...more,
  })
  return app
}

const subjects: Readonly<Record<string, () => Promise<FastifyInstance>>> = {
  'bare Fastify': async () => {
    const app = Fastify()
    for (const { match } of routes) {
      for (const method of ['GET', 'HEAD', 'PUT']) {
        app.route({ method, url: match.path, exposeHeadRoute: false, handler: () => '' })
      }
    }
    return app
  },
  'no schemas': () => gatewayWith({}),
  'a document': () => gatewayWith({ openapi }),
  'a document, answers too': () => gatewayWith({ openapi, validateResponses: 'refuse' }),
}

process.stdout.write(`${count} routes of two methods, and HEAD\n`)
// The first one loads the code.
for (const name of ['', ...Object.keys(subjects).filter((name) => name.startsWith(process.argv[3] ?? ''))]) {
  const open = subjects[name] ?? (async () => Fastify())
  const began = performance.now()
  const app = await open()
  await app.ready()
  if (name !== '') process.stdout.write(`  ${name.padEnd(24)} ${Math.round(performance.now() - began)} ms\n`)
  await app.close()
}
