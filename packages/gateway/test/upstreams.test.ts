import { once } from 'node:events'
import { createServer as createPlainServer } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:https'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTcpServer, type Server } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { upstreamStatus } from '../src/index.ts'
import { compileNetworks, isNetwork } from '../src/upstreams/networks.ts'
import { authority, type Backend, listen, send, stage, startBackend } from './stage.ts'

const url = '/users/profile'
const https = (port: number): string => `https://user-service.local:${port}`
/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createTcpServer()
  const port = await listen(server)
  server.close()
  await once(server, 'close')
  return port
}
/** Resets every connection; counts them. */
async function resetting(): Promise<{ port: number; count: () => number }> {
  let count = 0
  const server = createTcpServer((socket) => {
    count++
    socket.on('error', () => {})
    socket.resetAndDestroy()
  })
  onTestFinished(() => void server.close())
  return { port: await listen(server), count: () => count }
}

describe('several targets', () => {
  it('take turns', async () => {
    const backends = await Promise.all([startBackend(), startBackend(), startBackend()])
    const { app } = await stage(0, { upstream: { targets: backends.map(({ port }) => https(port)) } })
    for (let i = 0; i < 9; i++) expect((await app.inject(url)).statusCode).toBe(200)
    expect(backends.map(({ hits }) => hits.length)).toEqual([3, 3, 3])
  })

  it('get the next request where the fewest are under way', async () => {
    const waiting: (() => void)[] = []
    const slow = await startBackend((_request, response) => void waiting.push(() => response.end('{}')))
    const quick = await startBackend()
    const { app } = await stage(0, {
      upstream: { targets: [https(slow.port), https(quick.port)], balance: 'least-connections' },
    })
    const first = app.inject(url)
    await vi.waitFor(() => expect(slow.hits).toHaveLength(1))
    for (let i = 0; i < 4; i++) await app.inject(url)
    expect([slow.hits.length, quick.hits.length]).toEqual([1, 4])
    waiting[0]?.()
    expect((await first).statusCode).toBe(200)
  })

  it('stand in for one that is down: nobody notices, and it is no longer asked', async () => {
    const [down, up] = [await resetting(), await startBackend()]
    const { app, events } = await stage(0, {
      upstream: { targets: [https(down.port), https(up.port)], circuit: { failures: 3 } },
    })
    const answers = []
    for (let i = 0; i < 20; i++) answers.push((await app.inject(url)).statusCode)
    expect(answers).toEqual(Array(20).fill(200))
    expect([up.hits.length, down.count()]).toEqual([20, 3])
    expect(events).toMatchObject([{ type: 'gateway.target-ejected', detail: { target: https(down.port) } }])
    expect(upstreamStatus(app)).toMatchObject([
      { name: 'user-service', targets: [{ circuit: 'open' }, { circuit: 'closed', underWay: 0 }] },
    ])
  })

  it('are asked again once they are back', async () => {
    const port = await closedPort()
    const { app, events } = await stage(port, { upstream: { circuit: { failures: 1, openFor: 1 } } })
    const first = await app.inject(url)
    expect([first.statusCode, first.json().code]).toEqual([502, 'PTC_GATEWAY_UPSTREAM_FAILED'])
    const second = await app.inject(url)
    expect([second.statusCode, second.json().code, second.headers['retry-after']]).toEqual([
      503,
      'PTC_GATEWAY_UPSTREAM_UNAVAILABLE',
      '1',
    ])
    const server = createServer(await (await authority()).issue('user-service.local'), (_request, response) => {
      response.end('{}')
    })
    onTestFinished(() => server.closeAllConnections())
    onTestFinished(() => void server.close())
    await once(server.listen(port, '127.0.0.1'), 'listening')
    await vi.waitFor(async () => expect((await app.inject(url)).statusCode).toBe(200), { timeout: 10_000 })
    expect(events.map(({ type }) => type)).toContain('gateway.target-restored')
  })
})

describe('retries', () => {
  const methods = ['GET', 'POST'] as const
  it.each(methods)('of %s: only what may be done twice is', async (method) => {
    const { port, count } = await resetting()
    const { app } = await stage(port, { upstream: { circuit: { failures: 100 } } })
    expect((await app.inject({ method, url })).statusCode).toBe(502)
    expect(count()).toBe(method === 'GET' ? 2 : 1)
  })

  it.each([500, 502, 503, 504])('are not made for an answer, not even %d', async (status) => {
    const backend = await startBackend((_request, response) => {
      response.writeHead(status, { 'retry-after': '2' }).end('{}')
    })
    const { app } = await stage(backend.port)
    const answer = await app.inject(url)
    expect([answer.statusCode, answer.headers['retry-after'], backend.hits.length]).toEqual([status, '2', 1])
  })

  it('are not made for bodies', async () => {
    const { port, count } = await resetting()
    const { app } = await stage(port, { match: { method: 'PUT' } })
    await app.inject({ method: 'PUT', url, payload: { a: 1 } })
    expect(count()).toBe(1)
  })

  it('end with the budget', async () => {
    const { port, count } = await resetting()
    const { app } = await stage(port, { upstream: { circuit: { failures: 1000, minimum: 1000 } } })
    for (let i = 0; i < 50; i++) await app.inject(url)
    // Ten that were saved, and a tenth of fifty.
    expect(count()).toBeGreaterThanOrEqual(50 + 13)
    expect(count()).toBeLessThanOrEqual(50 + 15)
  })
})

describe('active checks', () => {
  it('take a target out and back, without a request that fails', async () => {
    let well = true
    const checked: string[] = []
    const backend = await startBackend((request, response) => {
      if (request.url === '/health') {
        checked.push(String(request.headers.authorization))
        response.statusCode = well ? 204 : 500
      }
      response.end()
    })
    const other = await startBackend()
    const { app, events } = await stage(0, {
      upstream: {
        targets: [https(backend.port), https(other.port)],
        health: { path: '/health', interval: 1, unhealthyAfter: 1, healthyAfter: 1 },
      },
    })
    well = false
    await vi.waitFor(() => expect(upstreamStatus(app)[0]?.targets[0]?.healthy).toBe(false), { timeout: 10_000 })
    const before = other.hits.filter((hit) => hit.url !== '/health').length
    for (let i = 0; i < 4; i++) expect((await app.inject(url)).statusCode).toBe(200)
    expect(other.hits.filter((hit) => hit.url !== '/health').length - before).toBe(4)
    well = true
    await vi.waitFor(() => expect(upstreamStatus(app)[0]?.targets[0]?.healthy).toBe(true), { timeout: 10_000 })
    expect(new Set(checked)).toEqual(new Set(['undefined']))
    expect(events.map(({ type }) => type)).toEqual(['gateway.target-ejected', 'gateway.target-restored'])
  })
})

describe('a target', () => {
  it('speaks HTTP/2 where both do', async () => {
    const seen: string[] = []
    const server = createSecureServer(
      { ...(await (await authority()).issue('user-service.local')), allowHTTP1: true },
      (request, response) => {
        seen.push(request.httpVersion, String(request.headers['x-forwarded-proto']))
        response.setHeader('content-type', 'application/json')
        response.end('{"id":101}')
      },
    )
    onTestFinished(() => void server.close())
    const port = await listen(server as unknown as Server)
    const { app } = await stage(port, { upstream: { http2: true } })
    const answers = await Promise.all(Array.from({ length: 5 }, () => app.inject(url)))
    expect(answers.map((answer) => answer.json())).toEqual(Array(5).fill({ id: 101 }))
    expect(new Set(seen)).toEqual(new Set(['2.0', 'http']))
  })

  it('may be a socket of this machine', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gateway-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'service.sock')
    const server = createPlainServer((request, response) => response.end(JSON.stringify(request.headers.host)))
    onTestFinished(() => void server.close())
    await once(server.listen(path), 'listening')
    const { app } = await stage(0, { upstream: { targets: [`unix:${path}`] }, options: { resolve: {} } })
    expect((await app.inject(url)).body).toBe('"user-service"')
  })

  it('may ask the gateway for a certificate', async () => {
    const { issue, ca } = await authority()
    const server = createServer(
      { ...(await issue('user-service.local')), ca, requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN)
      },
    )
    onTestFinished(() => server.closeAllConnections())
    onTestFinished(() => void server.close())
    const port = await listen(server)
    const without = await stage(port)
    expect((await without.app.inject(url)).statusCode).toBe(502)
    const { app } = await stage(port, { upstream: { clientCertificate: await issue('gateway.local') } })
    expect((await app.inject(url)).body).toBe('gateway.local')
  })

  it('is not found at a private address by DNS, unless that is listed', async () => {
    const backend = await startBackend(undefined, { host: 'localhost' })
    const targets = [`https://localhost:${backend.port}`]
    const refused = await stage(0, { upstream: { targets }, options: { resolve: {} } })
    const answer = await refused.app.inject(url)
    expect([answer.statusCode, backend.hits.length]).toEqual([502, 0])
    expect(answer.body).not.toContain('localhost')
    expect(refused.events[0]?.detail).toMatchObject({ reason: 'PRIVATE_ADDRESS_UNLISTED' })
    const { app } = await stage(0, {
      upstream: { targets },
      options: { resolve: {}, privateNetworks: ['127.0.0.0/8', '::1'] },
    })
    expect((await app.inject(url)).statusCode).toBe(200)
  })

  it('has an end to all patience, where the route says so', async () => {
    const backend = await startBackend((_request, response) => {
      response.write('a')
      const timer = setInterval(() => response.write('a'), 100)
      response.on('close', () => clearInterval(timer))
    })
    const { listen: open, events } = await stage(backend.port, { route: { timeouts: { total: 1 } } })
    const answer = await send(await open())
    expect([answer.status, answer.whole]).toEqual([200, false])
    expect(events).toMatchObject([{ type: 'gateway.cut', detail: { reason: 'TOTAL_TIMEOUT' } }])
  })

  it('gets the caller’s own credential only where that is asked for', async () => {
    const echo: Parameters<typeof startBackend>[0] = (request, response) => {
      response.end(JSON.stringify([request.headers.authorization, request.headers['x-internal-token']]))
    }
    const backend = await startBackend(echo)
    const headers = { authorization: 'Bearer theirs', 'x-internal-token': 'forged' }
    const usual = await stage(backend.port)
    const asked = await stage(backend.port, { upstream: { forwardAuthorization: true } })
    const [own, none] = (await usual.app.inject({ url, headers })).json() as [string, null]
    expect([own.startsWith('Bearer ey'), none]).toEqual([true, null])
    const [theirs, internal] = (await asked.app.inject({ url, headers })).json() as [string, string]
    expect([theirs, internal.startsWith('Bearer ey')]).toEqual(['Bearer theirs', true])
  })
})

describe('events (text/event-stream)', () => {
  it('begin before the first one is there, and pass one by one', async () => {
    let say: (text: string) => void = () => {}
    const backend: Backend = await startBackend((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      say = (text) => void response.write(text)
    })
    const { listen: open } = await stage(backend.port)
    const answer = await fetch(`http://127.0.0.1:${await open()}${url}`)
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
    for (const text of ['data: 1\n\n', 'data: 2\n\n']) {
      say(text)
      expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe(text)
    }
    await reader.cancel()
  })
})

describe('a host', () => {
  it('has routes of its own', async () => {
    const [one, two] = [await startBackend(), await startBackend()]
    const { app } = await stage(one.port, {
      routes: [
        { match: { path: '/', host: 'one.example.com' }, upstream: 'user-service', rewrite: '/one' },
        { match: { path: '/', host: 'two.example.com' }, upstream: 'user-service', rewrite: '/two' },
      ],
    })
    for (const host of ['one.example.com', 'TWO.example.com:8443', 'twoXexample.com']) {
      await app.inject({ url: '/', headers: { host } })
    }
    expect([one.hits.map((hit) => hit.url), two.hits.length]).toEqual([['/one', '/two'], 0])
  })
})

describe('networks', () => {
  it.each([
    ['10.1.2.3', false],
    ['127.0.0.1', false],
    ['169.254.169.254', false],
    ['::ffff:10.0.0.1', false],
    ['::1', false],
    ['fd00::1', false],
    ['64:ff9b::a00:1', false],
    ['93.184.215.14', true],
    ['2606:2800:21f:cb07:6820:80da:af6b:8b2c', true],
    ['192.168.7.7', true],
  ])('may reach %s: %s', (address, reachable) => {
    expect(compileNetworks(['192.168.7.0/24'])(address)).toBe(reachable)
  })

  it.each(['10.0.0.0/8', '10.0.0.1', 'fd00::/8', '::1'])('%s is one', (text) => expect(isNetwork(text)).toBe(true))
  it.each(['10.0.0.0/33', '10.0.0', 'fd00::/129', '10.0.0.0/8/8', 'fe80::1%eth0', 'a.example', '10.0.0.0/'])(
    '%s is none',
    (text) => expect(isNetwork(text)).toBe(false),
  )
})
