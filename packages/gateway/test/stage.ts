import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import {
  createServer as createPlainServer,
  type IncomingMessage,
  request as httpRequest,
  type ServerResponse,
} from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, connect, type Server } from 'node:net'
import type { SecurityEvent } from '@portcullis/kernel'
import { onSecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance, type FastifyServerOptions, type SecurityIdentity } from 'fastify'
import { onTestFinished } from 'vitest'
import gateway, { type GatewayOptions, type GatewayRoute, type UpstreamOptions } from '../src/index.ts'
import { createAuthority, type TestAuthority } from './certificates.ts'

let shared: Promise<TestAuthority> | undefined
/** The authority that all backends of a test file trust. */
export const authority = (): Promise<TestAuthority> => (shared ??= createAuthority())

export const pair: { privateKey: KeyObject; publicKey: KeyObject } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** A private service: a real TLS server that remembers what reached it. */
export interface Backend {
  readonly port: number
  readonly hits: IncomingMessage[]
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void
const fine: Handler = (_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end('{"id":101}')
}

/** Starts a backend whose certificate is for `user-service.local`, or without TLS. */
export async function startBackend(
  handler: Handler = fine,
  { host = 'user-service.local', tls = true } = {},
): Promise<Backend> {
  const hits: IncomingMessage[] = []
  const listener: Handler = (request, response) => {
    hits.push(request)
    handler(request, response)
  }
  const server = tls ? createServer(await (await authority()).issue(host), listener) : createPlainServer(listener)
  const port = await listen(server)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port, hits }
}

/** Listens on loopback. */
export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

interface Staging {
  readonly route?: Partial<Omit<GatewayRoute, 'match'>>
  readonly match?: Partial<GatewayRoute['match']>
  readonly routes?: GatewayRoute[]
  readonly upstream?: Partial<UpstreamOptions>
  readonly options?: Partial<GatewayOptions>
  readonly server?: FastifyServerOptions
  readonly identity?: Partial<SecurityIdentity>
  /** Registered before the gateway. */
  readonly before?: (app: FastifyInstance) => void
}

/** A gateway in front of a backend, with one route unless others are given. */
export interface Staged {
  readonly app: FastifyInstance
  readonly events: SecurityEvent[]
  /** Listens on loopback, for what `inject` cannot do. */
  listen(): Promise<number>
}

export async function stage(port: number, staging: Staging = {}): Promise<Staged> {
  const app = Fastify({ ...staging.server }) as FastifyInstance
  onTestFinished(() => app.close())
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => events.push(event))
  staging.before?.(app)
  await app.register(gateway, await optionsFor(port, staging))
  const { identity } = staging
  if (identity !== undefined) {
    app.addHook('onRequest', async (request) => {
      request.security.identity = {
        subject: '101',
        scheme: 'jwt',
        scopes: [],
        credentialId: null,
        claims: {},
        ...identity,
      }
    })
  }
  return {
    app,
    events,
    async listen() {
      await app.listen({ port: 0, host: '127.0.0.1' })
      return (app.server.address() as AddressInfo).port
    },
  }
}

/** The options that lead `/users/profile` to a backend. */
export async function optionsFor(
  port: number,
  { route, match, routes, upstream, options }: Staging = {},
): Promise<GatewayOptions> {
  const { ca } = await authority()
  return {
    upstreams: { 'user-service': { targets: [`https://user-service.local:${port}`], ca, ...upstream } },
    resolve: { 'user-service.local': '127.0.0.1' },
    internalToken: { issuer: 'gateway', key: pair.privateKey },
    routes: routes ?? [
      {
        match: { method: ['GET', 'POST'], path: '/users/profile', ...match },
        upstream: 'user-service',
        rewrite: '/api/profile',
        ...route,
      },
    ],
    dangerouslyWithoutAuth: true,
    ...options,
  }
}

export const publicKey = (): KeyObject => createPublicKey(pair.privateKey as never)

/** Writes bytes to a port, reads one answer with a declared length (or until the other side closes), and hangs up. */
export async function rawExchange(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    answer += chunk.toString('latin1')
    const head = answer.indexOf('\r\n\r\n')
    const length = Number(/content-length: (\d+)/i.exec(answer)?.[1])
    if (head !== -1 && answer.length >= head + 4 + length) socket.destroy()
  })
  socket.write(text)
  await once(socket, 'close')
  return answer
}

/** A request over a real socket; its answer, read to the end or to the break. */
export async function send(
  port: number,
  {
    method = 'GET',
    path = '/users/profile',
    headers = {},
    body,
  }: { method?: string; path?: string; headers?: Record<string, string>; body?: Buffer | string } = {},
): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer; whole: boolean }> {
  const request = httpRequest({ port, host: '127.0.0.1', method, path, headers, agent: false })
  // An answer may come before the body is out.
  request.on('error', () => {})
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  response.on('data', (chunk: Buffer) => chunks.push(chunk))
  response.on('error', () => {})
  await closing(response)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks),
    whole: response.complete,
  }
}

/** Resolves when something has closed, in peace or not. */
export const closing = (emitter: { once(event: 'close', listener: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => void emitter.once('close', resolve))
