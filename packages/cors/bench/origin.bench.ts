import official from '@fastify/cors'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { measure } from '../../../bench/measure.ts'
import { compileAllowlist } from '../src/allowlist.ts'
import { compileGrants } from '../src/grants.ts'
import { decide } from '../src/policy.ts'
import { stepsOf } from '../src/steps.ts'

type Hook = (request: object, reply: object, next: () => void) => void

const tenants = (length: number): string[] =>
  Array.from({ length }, (_, index) => `https://tenant-${index}.example.com`)
const many = tenants(10_000)
const most = tenants(100_000)
const answer = {
  allowOrigin: null,
  actual: [],
  preflight: [
    ['access-control-allow-headers', 'Content-Type, Authorization'],
    ['access-control-max-age', '60'],
  ] as const,
}

/** The hook that @fastify/cors puts on an app: no socket, no inject. */
async function theirs(origins: string[]): Promise<() => void> {
  const hooks: Hook[] = []
  const app = Fastify()
  const addHook = app.addHook.bind(app) as (name: string, hook: Hook) => FastifyInstance
  Object.assign(app, {
    addHook(name: string, hook: Hook) {
      if (name === 'onRequest') hooks.push(hook)
      return addHook(name, hook)
    },
  })
  await app.register(official, { origin: origins })
  const [hook] = hooks
  if (hook === undefined) throw new Error('@fastify/cors added no onRequest hook')
  const read = reader(origins.slice(-1))
  return () => hook(request(read()), reply(), () => {})
}

function ours(origins: string[]): () => void {
  const { onRequest } = stepsOf({ origins }, () => answer, decide)
  const read = reader(origins.slice(-1))
  return () => void onRequest?.(request(read()) as FastifyRequest, reply() as FastifyReply)
}

/** Origins as bytes: each call reads a string of its own, as a parser of requests does. */
function reader(origins: readonly string[]): () => string {
  const bytes = origins.map((origin) => Buffer.from(origin))
  let at = 0
  return () => (bytes[at++ % bytes.length] as Buffer).toString('latin1')
}

/** As little of a request and a reply as both read and write. */
function request(origin: string): object {
  const headers = { origin }
  return { method: 'GET', headers, raw: { method: 'GET', headers }, routeOptions: { config: {} } }
}

class Reply {
  fields: Record<string, unknown> = {}
  getHeader(name: string): unknown {
    return this.fields[name.toLowerCase()]
  }
  header(name: string, value: unknown): this {
    this.fields[name.toLowerCase()] = value
    return this
  }
}

function reply(): object {
  return new Reply()
}

/** The fields of a preflight's answer. */
function written(origin: string, methods: string): boolean {
  const to = new Reply()
  to.header('vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
  to.header('access-control-allow-origin', origin).header('access-control-allow-methods', methods)
  for (const [name, value] of answer.preflight) to.header(name, value)
  return to.fields['vary'] !== undefined
}

function fieldsAlone(origins: readonly string[]): () => boolean {
  const read = reader(origins)
  const list = reader(['authorization,content-type'])
  return () => list() !== '' && written(read(), 'GET, POST, PUT, DELETE')
}

/** What an app answers to preflights, without the app: the routes at its URL are known. */
function preflights(origins: readonly string[]): () => boolean {
  const policy = { origins, requestHeaders: ['Content-Type', 'Authorization'] }
  const decision = decide(policy)
  const grants = compileGrants(policy, decision, () => decision)
  const routes = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'].map((method) => ({ method, url: '/users/:id', policy }))
  const read = reader(origins)
  const list = reader(['authorization,content-type'])
  return () => {
    const origin = read()
    if (decision.admits(origin) !== true) return false
    const granted = grants(routes, origin)
    if (granted instanceof Promise || !granted.holds('PUT') || !decision.admitsHeaders(list())) return false
    return written(origin, granted.listed)
  }
}

const one = ['https://app.example.com']
const lookUp = (origins: readonly string[], ask = origins): (() => unknown) => {
  const allows = compileAllowlist(origins)
  const read = reader(ask.map((origin) => origin.replace('*', 'tenant')))
  return () => allows(read())
}
await measure('origin look-up', {
  'reading the string alone, 1': reader(one),
  'reading the string alone, 100,000': reader(most),
  '1 origin': lookUp(one),
  '10,000 origins': lookUp(many),
  '100,000 origins': lookUp(most),
  '100,000 origins, one of them asks': lookUp(most, most.slice(-1)),
  '10,000 wildcards': lookUp(many.map((origin) => origin.replace('https://', 'https://*.'))),
  '10,000 hosts of any port': lookUp(
    many.map((origin) => `${origin}:*`),
    many.map((origin) => `${origin}:8443`),
  ),
})
await measure('preflight', {
  'reading the strings and writing the fields alone': fieldsAlone(one),
  'the same, 100,000': fieldsAlone(most),
  '1 origin': preflights(one),
  '100,000 origins': preflights(most),
})
await measure('actual request, 1 origin', { '@fastify/cors': await theirs(one), '@portcullis/cors': ours(one) })
await measure('actual request, 10,000 origins, the last one asks', {
  '@fastify/cors': await theirs(many),
  '@portcullis/cors': ours(many),
})
