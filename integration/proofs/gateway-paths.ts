import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { once } from 'node:events'
import gateway, { type GatewayRoute } from '@portcullis/gateway'
import { serverOptions } from '@portcullis/kernel'
import rateLimit from '@portcullis/rate-limit'
import Fastify from 'fastify'
import { faultOfPath } from '../../packages/gateway/src/path.ts'
import { pathRule } from '../../packages/validation/src/path.ts'
import { interpreters } from '../path-interpreters.ts'
import type { Figure, Size } from '../proof.ts'

/** Public paths and the service's; each route has a policy of its own. */
const ROUTES: readonly (readonly [string, string])[] = [
  ['/files/*', '/store/*'],
  ['/files/secret', '/store/secret'],
  ['/files/Draft', '/store/Draft'],
  ['/files/:name/raw', '/store/:name/raw'],
  ['/users/:id', '/api/users/:id'],
  ['/users/me', '/api/users/me'],
  ['/users/:id/keys', '/api/users/:id/keys'],
  ['/admin', '/admin'],
  ['/admin/*', '/admin/*'],
]

const PIECES: readonly string[] = String.raw`
  / / / / // /./ /../ /.. . .. ... %2e %2E%2e .%2e %2f %2F %5c \ ; ;a=b ..; %3b %00 %0d%0a %09 %20 %7f % %25 %252e
  %252f %25%32%65 %u002e %c0%ae %c0%af %e0%80%ae %ef%bc%8e %ef%bc%8f %e2%80%a4 %e2%80%a5 %e2%81%84 %ef%bc%bc %cd%be
  %ef%bc%852e %c5%bf e%cc%81 %c3%a9 %f0%9f%98%80 : @ ~ ! $ ' ( * + , = & | ^ { [ " < a b 1 x.y secret Secret SECRET
  secret. me ME %6de raw RAW keys admin Admin %61dmin draft Draft files users store api
`
  .trim()
  .split(/\s+/)
const BEGINNINGS: readonly string[] = [
  '/files/',
  '/files/',
  '/users/',
  '/admin/',
  '/files/secret',
  '/users/me',
  '/%66iles/',
  '/',
  'http://a/files/',
]

/** A policy that is another one, and never spent. */
const policy = (name: string) => ({ name, limit: 1_000_000, window: 60, partitionBy: 'ip' as const })

/** The same targets in every run (mulberry32). */
function targets(count: number): string[] {
  let state = 0x9e3779b9
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const one = (of: readonly string[]): string => of[Math.floor(random() * of.length)] as string
  return Array.from({ length: count }, () => {
    let path = one(BEGINNINGS)
    for (let left = Math.floor(random() * 6); left > 0; left--) path += one(PIECES)
    return random() < 0.1 ? `${path}?/../admin` : path
  })
}

const pattern = (template: string, flags = ''): RegExp =>
  new RegExp(`^${template.replace(/\/\*$/, '(?:/.*)?').replaceAll(/:[a-z]+/g, '[^/]+')}$`, `${flags}s`)

/** Which route a reader takes a path for: literals before parameters, parameters before the rest. */
function reader(side: 0 | 1, flags = ''): (path: string) => string | null {
  const rank = (template: string): string => template.replaceAll(/:[a-z]+/g, '\u{fffe}').replaceAll('*', '\u{ffff}')
  const table = ROUTES.map((route) => ({ name: route[0], own: route[side], matches: pattern(route[side], flags) }))
  const sorted = table.toSorted((a, b) => (rank(a.own) < rank(b.own) ? -1 : 1))
  return (path) => sorted.find(({ matches }) => matches.test(path))?.name ?? null
}

/** The path that a route makes of a request's: its segments, as they were sent, in the places of the template's. */
function expected(route: string, path: string): string {
  const [from, to] = ROUTES.find(([own]) => own === route) as (typeof ROUTES)[number]
  const segments = path.split('/')
  return to
    .split('/')
    .map((text) => {
      if (text === '*') return segments.slice(from.split('/').indexOf('*')).join('/')
      return text.startsWith(':') ? segments[from.split('/').indexOf(text)] : text
    })
    .join('/')
}

/** Generated request targets against a gateway: which route is authorised, which path is forwarded, what others read. */
export async function prove(size: Size): Promise<Figure[]> {
  const asked = targets(size === 'full' ? 100_000 : 4_000)
  const authorised = new Map<string, { route: string; url: string }>()
  const forwarded = new Map<string, string>()
  const service = createServer((request, response) => {
    forwarded.set(String(request.headers['x-request-id']), request.url as string)
    response.end()
  }).listen(0, '127.0.0.1')
  await once(service, 'listening')
  const app = Fastify(serverOptions())
  await app.register(rateLimit, { policies: [policy('all')] })
  app.addHook('preHandler', async (request) => {
    authorised.set(request.id, { route: request.routeOptions.url as string, url: request.raw.url as string })
  })
  await app.register(gateway, {
    upstreams: {
      service: { targets: [`http://127.0.0.1:${(service.address() as AddressInfo).port}`], dangerouslyPlaintext: true },
    },
    internalToken: { issuer: 'gateway', key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
    dangerouslyWithoutAuth: true,
    routes: ROUTES.map(([path, rewrite], index): GatewayRoute => ({
      match: { path },
      upstream: 'service',
      rewrite,
      policy: { rateLimit: { policies: [policy(`route-${index}`)] } },
    })),
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  for (let at = 0; at < asked.length; at += 200) await say(port, asked.slice(at, at + 200))
  await app.close()
  service.close()

  const [publicReader, serviceReader] = [reader(0), reader(1)]
  const [carelessPublic, carelessService] = [reader(0, 'i'), reader(1, 'i')]
  let [inexact, misread] = [0, 0]
  const examples: string[] = []
  for (const [id, path] of forwarded) {
    const seen = authorised.get(id)
    const [asIs = '', query] = (seen?.url ?? '').replace('http://a', '').split('?')
    if (seen === undefined || path !== expected(seen.route, asIs) + (query === undefined ? '' : `?${query}`)) {
      inexact++
      examples.push(`${seen?.route} ${seen?.url} -> ${path}`)
      continue
    }
    for (const [name, read] of Object.entries(interpreters)) {
      const careless = name === 'windows' || name === 'express'
      const there = (careless ? carelessService : serviceReader)(read(path.split('?', 1)[0] as string))
      const here = (careless ? carelessPublic : publicReader)(read(asIs))
      if (there === seen.route && here === seen.route) continue
      misread++
      examples.push(`${name}: ${seen.route} ${seen.url} -> ${path} is ${here}, ${there}`)
    }
  }
  // The two rooms that judge paths judge alike; compatibility folding is the gateway's alone.
  const rule = pathRule([])
  const apart = asked
    .map((target) => target.replace('http://a', '').split('?', 1)[0] as string)
    .filter((path) => (rule(path) === null) !== (faultOfPath(path) === null))
    .filter((path) => rule(path) !== null || !/%[c-f]/i.test(path))
  examples.push(...apart.map((path) => `judged apart: ${path} ${rule(path)} ${faultOfPath(path)}`))
  if (examples.length > 0) console.error(examples.slice(0, 20).join('\n'))
  const count = Object.keys(interpreters).length
  return [
    {
      name: 'gateway: generated targets',
      figure: `${asked.length} × ${count}`,
      bound: `≥ ${asked.length} × 4`,
      ok: count >= 4,
    },
    {
      name: 'gateway: targets forwarded',
      figure: String(forwarded.size),
      bound: '≥ 5 %',
      ok: forwarded.size > asked.length / 20,
    },
    { name: 'gateway: forwarded but not byte for byte', figure: String(inexact), bound: '0', ok: inexact === 0 },
    { name: "gateway: read as another route's path", figure: String(misread), bound: '0', ok: misread === 0 },
    {
      name: 'gateway: paths that validation judges in another way',
      figure: String(apart.length),
      bound: '0',
      ok: apart.length === 0,
    },
  ]
}

/** Asks for targets over one connection, and waits for as many answers. */
async function say(port: number, paths: readonly string[]): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''), 'latin1')
  let answers = 0
  let rest = ''
  for await (const chunk of socket) {
    rest += String(chunk)
    answers += rest.split('HTTP/1.1 ').length - 1
    rest = rest.slice(-8)
    if (answers >= paths.length) break
  }
  socket.destroy()
  if (answers < paths.length) throw new Error(`${answers} answers to ${paths.length} requests`)
}
