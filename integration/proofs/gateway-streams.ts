import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request as ask } from 'node:http'
import { connect as connectTcp, type Socket } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { developmentCertificates } from '@portcullis/https'
import type { GatewayRoute } from '@portcullis/gateway'
import { serve, type Serving, type ServingProcess } from '../serving-process.ts'
import type { Figure, Size } from '../proof.ts'

const MIB = 1_048_576
const mib = (bytes: number): string => `${Math.round(bytes / MIB)} MiB`

async function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  request.on('error', () => {})
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return response
}

/** Reads an answer to its end. */
async function take(port: number, path: string): Promise<number> {
  const response = await answerOf(ask({ port, host: '127.0.0.1', path, agent: false }).end())
  let bytes = 0
  for await (const chunk of response) bytes += (chunk as Buffer).length
  return bytes
}

/** Sends a body without a length, as fast as it is taken. */
async function give(port: number, path: string, bytes: number): Promise<number> {
  const request = ask({ port, host: '127.0.0.1', path, method: 'POST', agent: false })
  request.setHeader('transfer-encoding', 'chunked')
  const piece = Buffer.alloc(65_536, 'x')
  const answer = answerOf(request)
  for (let left = bytes; left > 0; left -= piece.length) {
    if (!request.write(left < piece.length ? piece.subarray(0, left) : piece)) await once(request, 'drain')
  }
  request.end()
  let text = ''
  for await (const chunk of await answer) text += String(chunk)
  return Number(text)
}

/** The most that a process holds while something happens. */
async function peakOf(
  child: ServingProcess,
  during: () => Promise<number>,
): Promise<{ result: number; growth: number }> {
  const before = (await child.facts()).rss
  const { readFileSync } = await import('node:fs')
  const rss = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.child.pid}/status`, 'utf8'))?.[1]) * 1024
  let most = 0
  const timer = setInterval(() => (most = Math.max(most, rss())), 20)
  const result = await during()
  clearInterval(timer)
  return { result, growth: Math.max(most - before, 0) }
}

type Grown = Awaited<ReturnType<typeof peakOf>>

/**
 * What a body each way takes of a process, in the middle of several processes. V8 frees what lies outside of its heap when
 * 64 MiB of it have come together, or when it collects anyway: that is not the same twice.
 */
async function growthOf(serving: Serving, bytes: number, rounds: number): Promise<Record<'down' | 'up', Grown>> {
  const one = async (during: (port: number) => Promise<number>): Promise<Grown> => {
    const proxy = await serve(serving)
    const { port } = proxy
    try {
      await take(port, `/down?bytes=${8 * MIB}`)
      await give(port, '/up', 8 * MIB)
      return await peakOf(proxy, () => during(port))
    } finally {
      await proxy.end()
    }
  }
  const middle = async (during: (port: number) => Promise<number>): Promise<Grown> => {
    const all: Grown[] = []
    for (let round = 0; round < rounds; round++) all.push(await one(during))
    const { growth } = all.toSorted((a, b) => a.growth - b.growth)[Math.floor(rounds / 2)] as Grown
    return { growth, result: Math.min(...all.map(({ result }) => result)) }
  }
  return {
    down: await middle((port) => take(port, `/down?bytes=${bytes}`)),
    up: await middle((port) => give(port, '/up', bytes)),
  }
}

/** Clients that ask for an answer and read nothing of it. */
async function stall(port: number, path: string, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = connectTcp(port, '127.0.0.1').on('error', () => {})
    socket.pause()
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    return socket
  })
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  return sockets
}

async function timesOf(port: number, count: number): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const began = performance.now()
    const response = await answerOf(ask({ port, host: '127.0.0.1', path: '/well', agent }).end())
    if (response.statusCode !== 200) throw new Error(`answered ${response.statusCode}`)
    await once(response.resume(), 'close')
    times.push(performance.now() - began)
  }
  agent.destroy()
  return times.toSorted((a, b) => a - b)
}
const p99 = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length * 0.99)] ?? 0

/** What so many clients cost that have asked once over TLS, and keep their connections. */
async function idle(serving: Serving, ca: string, count: number): Promise<number> {
  const server = await serve(serving)
  const sockets: Socket[] = []
  try {
    const one = async (): Promise<void> => {
      const socket = connectTls({ host: '127.0.0.1', port: server.port, ca, servername: 'localhost' })
      socket.on('error', () => {})
      sockets.push(socket)
      socket.write('GET /well HTTP/1.1\r\nHost: localhost\r\n\r\n')
      await once(socket, 'data')
    }
    await one()
    for (let left = count; left > 0; left -= 50) await Promise.all(Array.from({ length: Math.min(left, 50) }, one))
    const closed = sockets.filter(({ destroyed }) => destroyed).length
    if (closed > 0) throw new Error(`${closed} of ${count} connections are gone`)
    return (await server.facts()).rss
  } finally {
    for (const socket of sockets) socket.destroy()
    await server.end()
  }
}

/** Large bodies, slow clients and idle ones. */
export async function prove(size: Size): Promise<Figure[]> {
  const full = size === 'full'
  const bytes = full ? 1024 * MIB : 32 * MIB
  const [slow, resting] = full ? [1_000, 10_000] : [40, 100]
  const service = await serve({ what: 'service' })
  const upstreams = {
    service: { targets: [`http://127.0.0.1:${service.port}`], dangerouslyPlaintext: true, concurrency: slow + 100 },
  }
  const route = (path: string, more: Partial<GatewayRoute> = {}): GatewayRoute => ({
    match: { path },
    upstream: 'service',
    ...more,
  })
  const routes = [
    route('/well'),
    route('/down'),
    route('/endless'),
    route('/up', { match: { path: '/up', method: 'POST' }, bodyLimit: 2 * bytes }),
  ]
  const options = { upstreams, routes, slowReaders: { grace: 600 } }
  const { port: at } = service
  const official = { '/down': { port: at, path: '/down' }, '/up': { port: at, path: '/up' } }
  const proxy = await serve({ what: 'gateway', gateway: options })
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const { port } = proxy
  try {
    const streamed = await growthOf({ what: 'gateway', gateway: options }, bytes, full ? 5 : 1)
    const theirs = full ? await growthOf({ what: 'official', official }, bytes, 5) : null

    await timesOf(port, full ? 2_000 : 50)
    const alone = await timesOf(port, full ? 2_000 : 50)
    const before = (await proxy.facts()).rss
    const stalled = await stall(port, '/endless', slow)
    await wait(full ? 5_000 : 200)
    const beside = await timesOf(port, full ? 2_000 : 50)
    const held = (await proxy.facts()).rss - before
    for (const socket of stalled) socket.destroy()

    const { key, cert, ca } = await developmentCertificates(folder, { hosts: ['localhost'] })
    const tls = { key: String(key), cert: String(cert) }
    const bare = await idle({ what: 'bare', tls }, String(ca), resting)
    const ours = await idle({ what: 'gateway', tls, gateway: options }, String(ca), resting)

    const body = (name: string, way: 'down' | 'up'): Figure[] => {
      const { result, growth } = streamed[way]
      const beside = theirs === null ? '' : ` (@fastify/http-proxy ${mib(theirs[way].growth)})`
      return [
        { name: `gateway: ${name}`, figure: mib(result), bound: mib(bytes), ok: result === bytes },
        {
          name: `gateway: RSS growth, ${name}`,
          figure: mib(growth) + beside,
          bound: '≤ 64 MiB',
          ok: growth <= 64 * MIB,
        },
      ]
    }
    const figures = [...body('body to the client', 'down'), ...body('body to the service', 'up')]
    if (!full) {
      return [
        ...figures,
        { name: 'gateway: answers beside slow clients', figure: '50', bound: '50', ok: beside.length === 50 },
      ]
    }
    return [
      ...figures,
      {
        name: `gateway: p99 beside ${slow} clients that do not read`,
        figure: `${p99(beside).toFixed(1)} ms`,
        bound: `≤ 1.5 × ${p99(alone).toFixed(1)} ms`,
        ok: p99(beside) <= p99(alone) * 1.5,
      },
      {
        name: `gateway: RSS for each client that does not read`,
        figure: `${Math.round(held / slow / 1024)} KiB`,
        bound: '≤ 512 KiB',
        ok: held / slow <= 512 * 1024,
      },
      {
        name: `gateway: RSS with ${resting} idle TLS connections`,
        figure: mib(ours),
        bound: `≤ 1.15 × ${mib(bare)}`,
        ok: ours <= bare * 1.15,
      },
    ]
  } finally {
    await proxy.end()
    await service.end()
    rmSync(folder, { recursive: true, force: true })
  }
}
