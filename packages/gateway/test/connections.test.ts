import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createRawServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { Connections } from '../src/upstreams/connections.ts'
import { connectorTo } from '../src/upstreams/connector.ts'
import { listen } from './stage.ts'

const REQUEST = { path: '/', method: 'GET' as const }

/** A service whose connections are numbered as they come. */
async function service(answer: RequestListener): Promise<{ port: number; server: Server; opened: () => number }> {
  const server = createServer(answer)
  let opened = 0
  server.on('connection', (socket) => {
    opened++
    Object.assign(socket, { number: opened })
  })
  const port = await listen(server)
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port, server, opened: () => opened }
}

const numbered: RequestListener = (request, response) =>
  response.end(String((request.socket as unknown as { number: number }).number))

function open(port: number, lifetime: number | null = null): Connections {
  const origin = new URL(`http://127.0.0.1:${port}`)
  const connect = connectorTo({
    origin,
    socketPath: null,
    address: null,
    ca: undefined,
    client: undefined,
    http2: false,
    connectTimeout: 1000,
    mayReach: () => true,
  })
  const connections = new Connections({ origin, connect, lifetime })
  onTestFinished(() => connections.close())
  return connections
}

/** What a request hears: the answer's body, or the code of why there is none. */
function ask(connections: Connections, started?: (controller: Dispatcher.DispatchController) => void): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    connections.dispatch(REQUEST, {
      onRequestStart: (controller) => started?.(controller),
      onResponseStart() {},
      onResponseData: (_controller, chunk) => void (text += chunk.toString()),
      onResponseEnd: () => resolve(text),
      onResponseError: (_controller, error) => resolve((error as NodeJS.ErrnoException).code ?? error.message),
    })
  })
}

describe('the connections to a target', () => {
  it('are as many as requests at the same time, and the one used last is used next', async () => {
    const { port, opened } = await service(numbered)
    const connections = open(port)
    expect(await Promise.all([ask(connections), ask(connections), ask(connections)])).toEqual(['1', '2', '3'])
    const last = await ask(connections)
    for (let count = 0; count < 5; count++) expect(await ask(connections)).toBe(last)
    expect(opened()).toBe(3)
  })

  it('serve no second request before the first is answered', async () => {
    let most = 0
    const busy = new Map<object, number>()
    const { port } = await service((request, response) => {
      const now = (busy.get(request.socket) ?? 0) + 1
      busy.set(request.socket, now)
      most = Math.max(most, now)
      setTimeout(() => {
        busy.set(request.socket, now - 1)
        response.end('ok')
      }, Math.random() * 10)
    })
    const connections = open(port)
    for (let round = 0; round < 10; round++) {
      expect(new Set(await Promise.all(Array.from({ length: 20 }, () => ask(connections))))).toEqual(new Set(['ok']))
    }
    expect(most).toBe(1)
  })

  it('are not used again once the service has closed them', async () => {
    const { port, server, opened } = await service(numbered)
    const connections = open(port)
    expect(await ask(connections)).toBe('1')
    server.closeAllConnections()
    await pause(20)
    expect(await ask(connections)).toBe('2')
    const { port: closing, opened: often } = await service((_request, response) => {
      response.setHeader('connection', 'close')
      response.end('bye')
    })
    const others = open(closing)
    for (let count = 1; count <= 3; count++) {
      expect(await ask(others)).toBe('bye')
      expect(often()).toBe(count)
    }
    expect(opened()).toBe(2)
  })

  it('are not used again after an answer that was given up', async () => {
    const { port } = await service((request, response) => {
      if ((request.socket as unknown as { number: number }).number === 1) response.write('not all of it')
      else numbered(request, response)
    })
    const connections = open(port)
    const first = ask(connections, (controller) => setTimeout(() => controller.abort(new Error('enough')), 50))
    expect(await first).toBe('enough')
    expect(await ask(connections)).toBe('2')
  })

  it('are not used again after an answer that came too late, which nobody else hears', async () => {
    const { port } = await service((request, response) => {
      const { number } = request.socket as unknown as { number: number }
      setTimeout(() => response.end(String(number)), number === 1 ? 500 : 0)
    })
    const connections = open(port)
    const late = ask(connections, (controller) => setTimeout(() => controller.abort(new Error('too late')), 100))
    expect(await late).toBe('too late')
    expect(await ask(connections)).toBe('2')
  })

  it.each([
    ['at once', -1],
    ['soon after', 2],
  ])('that answered more than was asked give the rest to nobody: %s', async (_when, after) => {
    const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
    const poison = 'HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\npoisoned'
    const server = createRawServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', () => {
        socket.write(after < 0 ? ok + poison : ok)
        if (after >= 0) setTimeout(() => socket.write(poison), after)
      })
    })
    const port = await listen(server)
    onTestFinished(() => void server.close())
    const connections = open(port)
    for (let count = 0; count < 20; count++) {
      expect(await ask(connections)).toMatch(/^(?:ok|UND_ERR_SOCKET|HPE_INVALID_CONSTANT)$/)
      if (after >= 0) await pause(20)
    }
  })

  it('that cannot be opened fail their request, and no other', async () => {
    const gone = createServer()
    const port = await listen(gone)
    gone.close()
    await once(gone, 'close')
    const connections = open(port)
    expect(await Promise.all([ask(connections), ask(connections)])).toEqual(['ECONNREFUSED', 'ECONNREFUSED'])
    const back = createServer(numbered).listen(port, '127.0.0.1')
    back.on('connection', (socket) => Object.assign(socket, { number: 1 }))
    await once(back, 'listening')
    onTestFinished(() => {
      back.closeAllConnections()
      back.close()
    })
    expect((back.address() as AddressInfo).port).toBe(port)
    expect(await ask(connections)).toBe('1')
  })

  it('outlive a request that undici itself refuses', async () => {
    const { port, opened } = await service(numbered)
    const connections = open(port)
    expect(await ask(connections)).toBe('1')
    const refused = await new Promise((resolve) => {
      connections.dispatch(
        { ...REQUEST, headers: ['x-a', 'a\r\nb'] },
        { onResponseError: (_controller, error) => resolve((error as NodeJS.ErrnoException).code) },
      )
    })
    expect(refused).toBe('UND_ERR_INVALID_ARG')
    expect(await ask(connections)).toBe('1')
    expect(opened()).toBe(1)
  })

  it('end what is under way when they are closed', async () => {
    const { port } = await service(() => {})
    const connections = open(port)
    const answer = ask(connections)
    await pause(50)
    await connections.close()
    expect(await answer).toBe('UND_ERR_DESTROYED')
  })
})

describe('a connection that has reached its age', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => vi.useRealTimers())

  it('is not used again, so that a name that moved is found where it is', async () => {
    const { port, server } = await service(numbered)
    const connections = open(port, 60_000)
    expect(await ask(connections)).toBe('1')
    vi.advanceTimersByTime(59_000)
    expect(await ask(connections)).toBe('1')
    vi.advanceTimersByTime(1_001)
    expect(await ask(connections)).toBe('2')
    await vi.waitFor(async () => {
      const count = await new Promise((resolve) => server.getConnections((_error, found) => resolve(found)))
      expect(count).toBe(1)
    })
    // What was closed is not among those that serve the next requests.
    for (let times = 0; times < 3; times++) {
      expect(await Promise.all([ask(connections), ask(connections)])).not.toContain('UND_ERR_DESTROYED')
    }
  })
})
