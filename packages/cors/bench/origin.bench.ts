import official from '@fastify/cors'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { measure } from '../../../bench/measure.ts'
import { compileAllowlist } from '../src/allowlist.ts'
import { decide } from '../src/policy.ts'
import { stepsOf } from '../src/steps.ts'

type Hook = (request: object, reply: object, next: () => void) => void

const many = Array.from({ length: 10_000 }, (_, index) => `https://tenant-${index}.example.com`)
const answer = { allowOrigin: null, actual: [], preflight: [] }

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

const one = ['https://app.example.com']
const lookUp = (origins: readonly string[]): (() => boolean) => {
  const allows = compileAllowlist(origins)
  const read = reader(origins.map((origin) => origin.replace('*', 'tenant')))
  return () => allows(read())
}
const nothing = reader(many)
await measure('origin look-up', {
  'reading the string alone': nothing,
  '1 origin': lookUp(one),
  '10,000 origins': lookUp(many),
  '10,000 wildcards': lookUp(many.map((origin) => origin.replace('https://', 'https://*.'))),
})
await measure('actual request, 1 origin', { '@fastify/cors': await theirs(one), '@portcullis/cors': ours(one) })
await measure('actual request, 10,000 origins, the last one asks', {
  '@fastify/cors': await theirs(many),
  '@portcullis/cors': ours(many),
})
