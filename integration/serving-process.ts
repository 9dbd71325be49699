import { type ChildProcess, fork } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import httpProxy from '@fastify/http-proxy'
import gateway, { type GatewayOptions } from '@portcullis/gateway'
import { serverOptions } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'

/** What a process says of itself, after collecting garbage. */
export interface Facts {
  readonly rss: number
  readonly heap: number
  readonly handles: number
}

/** What a process serves: the gateway, an app without it, the official proxy, or a service with every fault. */
export interface Serving {
  readonly what: 'gateway' | 'bare' | 'official' | 'service'
  readonly gateway?: Pick<GatewayOptions, 'upstreams' | 'routes' | 'bodyLimit' | 'slowReaders'>
  /** Paths of the official proxy, and where they lead. */
  readonly official?: Readonly<Record<string, { readonly port: number; readonly path: string }>>
  readonly tls?: { readonly key: string; readonly cert: string }
}

/** A process of its own: what the clients cost is not its doing, and it can be stopped. */
export interface ServingProcess {
  readonly port: number
  readonly child: ChildProcess
  facts(): Promise<Facts>
  end(): Promise<void>
}

/** Starts one. */
export async function serve(serving: Serving): Promise<ServingProcess> {
  const child = fork(fileURLToPath(import.meta.url), ['serve', JSON.stringify(serving)], {
    execArgv: ['--expose-gc'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [port] = (await once(child, 'message')) as [number]
  return {
    port,
    child,
    async facts() {
      child.send('facts')
      const [facts] = (await once(child, 'message')) as [Facts]
      return facts
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

if (process.send !== undefined && process.argv[2] === 'serve') await begin(JSON.parse(process.argv[3] as string))

async function begin({ what, gateway: options, official, tls }: Serving): Promise<void> {
  if (what === 'service') process.send?.(await beginService())
  else process.send?.(official === undefined ? await beginApp(options, tls) : await beginOfficial(official))
  process.on('disconnect', () => process.exit())
  process.on('message', async () => {
    for (let round = 0; round < 4; round++) {
      globalThis.gc?.()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const { rss, heapUsed } = process.memoryUsage()
    const facts: Facts = { rss, heap: heapUsed, handles: process.getActiveResourcesInfo().length }
    process.send?.(facts)
  })
}

async function beginApp(options: Serving['gateway'], tls: Serving['tls']): Promise<number> {
  const bare = tls === undefined ? {} : { https: tls }
  const given: object = options === undefined ? bare : serverOptions(bare)
  const app = Fastify(given) as FastifyInstance
  if (options === undefined) app.get('/well', async () => ({ id: 101 }))
  else {
    await app.register(gateway, {
      ...options,
      internalToken: { issuer: 'gateway', key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
      dangerouslyWithoutAuth: true,
    })
  }
  await app.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  return (app.server.address() as AddressInfo).port
}

/** @fastify/http-proxy as its README shows it. */
async function beginOfficial(paths: NonNullable<Serving['official']>): Promise<number> {
  const app = Fastify({ bodyLimit: Number.MAX_SAFE_INTEGER })
  for (const [prefix, { port, path }] of Object.entries(paths)) {
    await app.register(httpProxy, { upstream: `http://127.0.0.1:${port}`, prefix, rewritePrefix: path })
  }
  await app.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  return (app.server.address() as AddressInfo).port
}

const PIECE = Buffer.alloc(65_536, 'x')

/** Writes pieces as fast as they are taken, as many bytes as are asked for. */
function pour(response: ServerResponse, bytes: number): void {
  let left = bytes
  const more = (): void => {
    while (left > 0) {
      const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE
      left -= piece.length
      if (!response.write(piece)) return
    }
    response.end()
  }
  response.on('drain', more)
  more()
}

/** What a service may do instead of answering, by the path that it is asked for. */
const HABITS: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => unknown>> = {
  '/well': (_request, response) => response.setHeader('content-type', 'application/json').end('{"id":101}'),
  '/reset': ({ socket }) => socket.resetAndDestroy(),
  '/garbage': ({ socket }) => socket.end('SSH-2.0-OpenSSH\r\n\r\n'),
  '/pause': (_request, response) => setTimeout(() => response.end('later'), 500),
  '/slow': (_request, response) => setTimeout(() => response.end('late'), 200),
  '/endless': (_request, response) => pour(response, Infinity),
  '/silent': () => {},
  '/middle': ({ socket }, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('half')
    setTimeout(() => socket.resetAndDestroy(), 20)
  },
  '/down': ({ url }, response) => {
    const bytes = Number(new URL(url as string, 'http://a').searchParams.get('bytes'))
    response.setHeader('content-length', bytes)
    pour(response, bytes)
  },
  '/up': (request, response) => {
    let bytes = 0
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => response.end(String(bytes)))
  },
}

async function beginService(): Promise<number> {
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    const habit = HABITS[(request.url as string).split('?', 1)[0] as string]
    if (habit === undefined) response.writeHead(404).end()
    else habit(request, response)
  })
  // Connections that the gateway keeps are not to be closed while it asks.
  server.keepAliveTimeout = 600_000
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
