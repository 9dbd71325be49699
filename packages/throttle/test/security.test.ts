import { connect as connect2 } from 'node:http2'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { afterEach, describe, expect, it, vi } from 'vitest'
import throttle, { type ThrottleOptions } from '../src/index.ts'
import { client, closeAll, held, listening, opening, throttled, until } from './apps.ts'

afterEach(closeAll)

/** The app as it is, and with the room. */
const bare = (server: FastifyServerOptions = {}): FastifyInstance => opening(Fastify(server))

/** How many requests reach the handler before any is answered. */
async function reaching(app: FastifyInstance, count: number): Promise<number> {
  const { handler, letGo, arrived } = held()
  app.get('/', handler)
  await app.ready()
  const all = Array.from({ length: count }, () => app.inject('/'))
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  const reached = arrived()
  for (let i = 0; i < count; i++) {
    await until(() => arrived() > i)
    letGo()
  }
  await Promise.all(all)
  return reached
}

describe('two hundred slow requests at once', () => {
  it('are all under way in a bare Fastify', async () => {
    expect(await reaching(bare(), 200)).toBe(200)
  })

  it('are under way ten at a time here', async () => {
    const queue = { perCaller: 1000 }
    expect(await reaching(await throttled({ concurrency: { limit: 10 }, queue }), 200)).toBe(10)
  })
})

/** Whether one request is served while another caller's hundred wait; how many went before it. */
async function behindTheNoisy(options: ThrottleOptions): Promise<number> {
  const app = await throttled(options, { trustProxy: true })
  const order: string[] = []
  const { handler, letGo, arrived } = held()
  app.get('/', async (request) => {
    order.push(request.ip)
    return handler()
  })
  const from = (ip: string) => app.inject({ url: '/', headers: { 'x-forwarded-for': ip } })
  const noisy = Array.from({ length: 50 }, () => from('192.0.2.66'))
  await until(() => arrived() === 1)
  const quiet = from('192.0.2.1')
  for (let i = 0; i < 51; i++) {
    await until(() => arrived() > i)
    letGo()
  }
  await Promise.all([...noisy, quiet])
  return order.indexOf('192.0.2.1')
}

describe('a caller with fifty requests', () => {
  it('is served before everybody else where all stand in one queue', async () => {
    expect(await behindTheNoisy({ concurrency: { limit: 1 }, queue: { partitionBy: 'global' } })).toBe(50)
  })

  it('delays another by no more than two of them where each has its own', async () => {
    expect(await behindTheNoisy({ concurrency: { limit: 1 } })).toBeLessThanOrEqual(2)
  })

  it('cannot fill the queue: others still find room', async () => {
    const app = await throttled(
      { concurrency: { limit: 1 }, queue: { length: 20, perCaller: 5 } },
      { trustProxy: true },
    )
    const { handler, letGo, arrived } = held()
    app.get('/', handler)
    const from = (ip: string) => app.inject({ url: '/', headers: { 'x-forwarded-for': ip } })
    const noisy = Array.from({ length: 50 }, () => from('192.0.2.66'))
    await until(() => arrived() === 1)
    const quiet = from('192.0.2.1')
    for (let i = 0; i < 7; i++) {
      await until(() => arrived() > i)
      letGo()
    }
    expect((await quiet).statusCode).toBe(200)
    const statuses = (await Promise.all(noisy)).map(({ statusCode }) => statusCode)
    expect(statuses.filter((status) => status === 503)).toHaveLength(44)
  })
})

/** Twenty clients ask and leave; how many of their requests reach the handler. */
async function leaving(app: FastifyInstance): Promise<number> {
  let reached = 0
  const { handler, letGo, arrived } = held()
  app.get('/', handler)
  app.get('/abandoned', async () => {
    reached++
    return 'ok'
  })
  let seen = 0
  app.server.on('request', () => seen++)
  const port = await listening(app)
  const first = client(port, '/')
  await until(() => arrived() === 1)
  const left = Array.from({ length: 20 }, () => client(port, '/abandoned'))
  await until(() => seen === 21)
  for (const one of left) {
    one.cut()
    await one.answered
  }
  await new Promise<void>((resolve) => {
    const check = (): void => {
      app.server.getConnections((_error, open) => (open <= 1 ? resolve() : setImmediate(check)))
    }
    check()
  })
  letGo()
  expect(await first.status()).toBe(200)
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  return reached
}

describe('clients that leave at once', () => {
  it('have made a bare Fastify work for nobody', async () => {
    expect(await leaving(bare())).toBe(20)
  })

  it('are taken out of the queue before anything is done for them', async () => {
    expect(await leaving(await throttled({ concurrency: { limit: 1 } }))).toBe(0)
  })

  it('reach no handler after they have gone, though one connection pipelined all that waits', async () => {
    const app = await throttled({ concurrency: { limit: 1 } })
    let reached = 0
    app.get('/', () => {
      reached++
      return new Promise(() => {})
    })
    const over = vi.fn<() => void>()
    let seen = 0
    app.server.on('request', (_request, response) => {
      seen++
      response.once('close', over)
    })
    const port = await listening(app)
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20))
    await until(() => seen === 20)
    socket.destroy()
    await until(() => over.mock.calls.length === 20)
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
    expect(reached).toBe(1)
  })

  it('lose no place, whenever they leave', async () => {
    const app = await throttled({ concurrency: { limit: 3 }, rate: { limit: 1000 }, queue: { perCaller: 500 } })
    app.get('/', () => new Promise((resolve) => setImmediate(resolve, 'ok')))
    const port = await listening(app)
    for (let round = 0; round < 10; round++) {
      const all = Array.from({ length: 30 }, () => client(port, '/'))
      for (const [i, one] of all.entries()) {
        if (i % 3 === 0) one.cut()
        else if (i % 3 === 1) setImmediate(() => one.cut())
      }
      await Promise.all(all.map(({ answered }) => answered))
    }
    const probe = await Promise.all([1, 2, 3].map(() => client(port, '/').status()))
    expect(probe).toEqual([200, 200, 200])
  })
})

/** A hundred streams, each reset as soon as it is open (CVE-2023-44487); how many reach the handler. */
async function rapidReset(options: ThrottleOptions | null): Promise<number> {
  const app = opening(Fastify({ http2: true } as FastifyServerOptions))
  if (options !== null) await app.register(throttle, options)
  let reached = 0
  let seen = 0
  const { handler, letGo, arrived } = held()
  app.get('/first', handler)
  app.get('/', async () => {
    reached++
    return 'ok'
  })
  app.server.on('stream', () => seen++)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const session = connect2(`http://127.0.0.1:${(app.server.address() as { port: number }).port}`)
  const first = session.request({ ':path': '/first' })
  await until(() => arrived() === 1)
  for (let i = 0; i < 100; i++) {
    const stream = session.request({ ':path': '/' })
    stream.on('error', () => {})
    await until(() => seen === i + 2)
    stream.close(8)
  }
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  letGo()
  await new Promise((resolve) => first.resume().on('end', resolve))
  const after = session.request({ ':path': '/first' })
  await until(() => arrived() === 2)
  letGo()
  await new Promise((resolve) => after.resume().on('end', resolve))
  await new Promise<void>((resolve) => session.close(resolve))
  return reached
}

describe('a hundred HTTP/2 streams that are reset at once', () => {
  it('all reach the handler of a bare Fastify', async () => {
    expect(await rapidReset(null)).toBe(100)
  })

  it('leave the queue here, and the place is free for the next', async () => {
    expect(await rapidReset({ concurrency: { limit: 1 } })).toBe(0)
  })
})

/** Whether another is served while somebody does not read what it asked for. */
async function besideSlowReader(maxHold: number | undefined): Promise<boolean> {
  const app = await throttled({
    concurrency: { limit: 1, ...(maxHold !== undefined && { maxHold }) },
    queue: { waitMs: 2000 },
  })
  const piece = Buffer.alloc(65_536)
  let streaming: Readable | undefined
  app.get('/big', (_request, reply) => {
    streaming = new Readable({
      read() {
        this.push(piece)
      },
    })
    reply.send(streaming)
  })
  app.get('/', async () => 'ok')
  const port = await listening(app)
  const reader = connect(port, '127.0.0.1')
  reader.pause()
  reader.write('GET /big HTTP/1.1\r\nHost: a\r\n\r\n')
  await until(() => streaming !== undefined)
  const status = await client(port, '/').status()
  reader.destroy()
  await until(() => streaming?.destroyed === true)
  expect(await client(port, '/').status()).toBe(200)
  return status === 200
}

describe('a client that does not read its answer', () => {
  it('keeps its place for as long as it likes by default', async () => {
    expect(await besideSlowReader(undefined)).toBe(false)
  })

  it('loses its place after `maxHold`', async () => {
    expect(await besideSlowReader(1)).toBe(true)
  })
})

it('runs no handler for a client that left in the middle of a body while it waited, and serves the next', async () => {
  const app = await throttled({ concurrency: { limit: 1 } }, { bodyLimit: 10_000_000 })
  const { handler, letGo, arrived } = held()
  let uploads = 0
  app.get('/', handler)
  app.post('/', async () => {
    uploads++
    return 'ok'
  })
  let seen = 0
  app.server.on('request', () => seen++)
  const port = await listening(app)
  const first = client(port, '/')
  await until(() => arrived() === 1)
  const uploader = connect(port, '127.0.0.1').on('error', () => {})
  uploader.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 5000000\r\n\r\n')
  uploader.write('x'.repeat(4_000_000))
  await until(() => seen === 2)
  uploader.resetAndDestroy()
  const next = client(port, '/')
  await until(() => seen === 3)
  letGo()
  await until(() => arrived() === 2)
  letGo()
  expect([await first.status(), await next.status(), uploads]).toEqual([200, 200, 0])
})

it('gives a place back when the handler throws, onSend throws, or the reply is hijacked and ended', async () => {
  const app = await throttled({ concurrency: { limit: 1 } })
  app.get('/throws', async () => {
    throw new Error('no')
  })
  app.get('/send', { onSend: async () => Promise.reject(new Error('no')) }, async () => 'x')
  app.get('/hijacked', (_request, reply) => {
    reply.hijack()
    reply.raw.end('raw')
  })
  app.get('/', async () => 'ok')
  const port = await listening(app)
  const statuses: number[] = []
  for (const path of ['/throws', '/send', '/hijacked', '/', '/nowhere', '/']) {
    statuses.push(await client(port, path).status())
  }
  expect(statuses).toEqual([500, 500, 200, 200, 404, 200])
})

it('is not moved by a wall clock that is set', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    const app = await throttled({ rate: { limit: 1, window: 3600 }, queue: { waitMs: 1 } })
    app.get('/', async () => 'ok')
    expect((await app.inject('/')).statusCode).toBe(200)
    vi.setSystemTime(Date.now() + 86_400_000)
    expect((await app.inject('/')).statusCode).toBe(429)
    vi.setSystemTime(0)
    expect((await app.inject('/')).statusCode).toBe(429)
  } finally {
    vi.useRealTimers()
  }
})

it('answers who waits on a real connection when the app closes, and closes', async () => {
  const app = await throttled({ rate: { limit: 1, window: 60 }, queue: { waitMs: 120_000 } })
  app.get('/', async () => 'ok')
  let seen = 0
  app.server.on('request', () => seen++)
  const port = await listening(app)
  expect(await client(port, '/').status()).toBe(200)
  const waiting = [client(port, '/'), client(port, '/')]
  await until(() => seen === 3)
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
  await app.close()
  expect(await Promise.all(waiting.map((one) => one.status()))).toEqual([503, 503])
})
