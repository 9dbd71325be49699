import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request as ask } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { onSecurityEvent } from '@portcullis/kernel'
import throttle from '@portcullis/throttle'
import Fastify from 'fastify'
import type { Figure, Size } from '../proof.ts'

/** What the server says of itself, after collecting garbage. */
interface Facts {
  readonly rss: number
  readonly heap: number
  readonly handles: number
  /** Requests that have waited. */
  readonly waited: number
}

// The server is a process of its own: what the clients cost is not its doing.
if (process.send !== undefined && process.argv[2] === 'serve-throttle-proof') await serve()

async function serve(): Promise<void> {
  const app = Fastify({ trustProxy: 'loopback' })
  const queue = { length: 20_000, perCaller: 20_000, waitMs: 600_000 }
  await app.register(throttle, { queue })
  const with_ = (policy: object) => ({ config: { security: { throttle: policy } } })
  const places = { concurrency: { limit: 32 }, queue: { length: 1000, perCaller: 100, waitMs: 10_000 } }
  app.get('/health', with_({ shed: false }), async () => ({ ok: true }))
  app.get('/paced', with_({ rate: { limit: 10 } }), async () => ({ ok: true }))
  app.get('/waiting', with_({ rate: { limit: 10, partitionBy: 'global' } }), async () => ({ ok: true }))
  app.get('/left', with_({ rate: { limit: 1 } }), async () => ({ ok: true }))
  app.get('/work', with_(places), async () => {
    await new Promise((resolve) => setTimeout(resolve, 160 + Math.random() * 80))
    return { ok: true }
  })
  let waited = 0
  onSecurityEvent(app, ({ type }) => void (waited += Number(type === 'throttle.delayed')))
  await app.listen({ port: 0, host: '127.0.0.1' })
  process.on('message', async () => {
    for (let i = 0; i < 3; i++) {
      globalThis.gc?.()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const { rss, heapUsed } = process.memoryUsage()
    const facts: Facts = { rss, heap: heapUsed, handles: process.getActiveResourcesInfo().length, waited }
    process.send?.(facts)
  })
  process.send?.((app.server.address() as AddressInfo).port)
}

/** Answers a status and the milliseconds it took. */
function get(
  port: number,
  path: string,
  agent: Agent,
  from = '127.0.0.1',
): Promise<{ status: number; ms: number; at: number }> {
  const start = performance.now()
  return new Promise((resolve, reject) => {
    const sent = ask({ port, host: '127.0.0.1', path, agent, headers: { 'x-forwarded-for': from } }, (response) => {
      response.resume().on('end', () => {
        const at = performance.now()
        resolve({ status: response.statusCode ?? 0, ms: at - start, at })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0

/** Connections that have asked for something that keeps them waiting. */
async function waiters(port: number, path: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let at = 0; at < count; at += 250) {
    const some = Array.from({ length: Math.min(250, count - at) }, () => connect(port, '127.0.0.1'))
    for (const socket of some) socket.on('error', () => {})
    await Promise.all(some.map((socket) => once(socket, 'connect')))
    for (const socket of some) socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
    sockets.push(...some)
  }
  return sockets
}

const leave = (sockets: readonly Socket[]): void => {
  // A reset: a closed port would stay taken for a minute.
  for (const socket of sockets) socket.resetAndDestroy()
}

async function facts(server: ChildProcess): Promise<Facts> {
  server.send('facts')
  const [told] = (await once(server, 'message')) as [Facts]
  return told
}

/** Fifteen at once against ten a second. */
async function paced(port: number, size: Size): Promise<Figure[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 15 })
  // Connections first: what is measured is the pace.
  await Promise.all(Array.from({ length: 15 }, () => get(port, '/health', agent)))
  const start = performance.now()
  const answers = await Promise.all(Array.from({ length: 15 }, () => get(port, '/paced', agent)))
  agent.destroy()
  const times = answers.map(({ at }) => at - start).toSorted((a, b) => a - b)
  const late = times.slice(10).map((ms, i) => ms - (i + 1) * 100)
  const ok = answers.filter(({ status }) => status === 200).length
  const atOnce = times.filter((ms) => ms < 100).length
  return [
    { name: 'throttle: of 15 at once, 200', figure: String(ok), bound: '15', ok: ok === 15 },
    {
      name: 'throttle: of 15 at once, served in the first 100 ms',
      figure: String(atOnce),
      bound: '10',
      // A slow machine serves fewer so soon, and none serves more.
      ok: size === 'small' ? atOnce <= 10 : atOnce === 10,
    },
    {
      name: 'throttle: the other five, ms from 100, 200, 300, 400, 500',
      figure: late.map((ms) => ms.toFixed(0)).join(' '),
      // A timer ends no sooner; how much later is the machine's doing.
      bound: '>= -1',
      ok: late.every((ms) => ms >= -1),
    },
  ]
}

/** What a health check feels of thousands who wait. */
async function beside(port: number, size: Size): Promise<Figure> {
  const count = size === 'full' ? 5000 : 200
  const asks = size === 'full' ? 3000 : 200
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const ask_ = async (): Promise<number[]> => {
    const times: number[] = []
    for (let i = 0; i < asks; i++) times.push((await get(port, '/health', agent)).ms)
    return times
  }
  await ask_()
  const before = await ask_()
  const waiting = await waiters(port, '/waiting', count)
  const loaded = await ask_()
  leave(waiting)
  await new Promise((resolve) => setTimeout(resolve, 500))
  const after = await ask_()
  agent.destroy()
  const unloaded = percentile([...before, ...after], 0.99)
  const p99 = percentile(loaded, 0.99)
  return {
    name: `throttle: /health p99 beside ${count} who wait, ms; without them ${unloaded.toFixed(2)}`,
    figure: p99.toFixed(2),
    bound: `<= ${(unloaded * 3).toFixed(2)}`,
    ok: size === 'small' || p99 <= unloaded * 3,
  }
}

/** What ten callers feel of one that offers a hundred times as much as each of them. */
async function fair(port: number, size: Size): Promise<Figure[]> {
  const seconds = size === 'full' ? 12 : 1
  const rounds = size === 'full' ? 3 : 1
  // Connections first: the one that shouts must not fill the listening socket's backlog, which is nobody's queue here.
  const calm = new Agent({ keepAlive: true, maxSockets: 100, maxFreeSockets: 100 })
  const shouting = new Agent({ keepAlive: true, maxSockets: 300, maxFreeSockets: 300 })
  for (const agent of [calm, shouting])
    await Promise.all(Array.from({ length: agent.maxSockets }, () => get(port, '/health', agent)))
  // Thirty-two places of 0.2 s make 160 a second: the ten ask for 20 of them, the one for 200.
  const each = 2
  const refused = { quiet: 0, noisy: 0 }

  async function run(noise: boolean): Promise<number[]> {
    const times: number[] = []
    const open: Promise<unknown>[] = []
    const quiet = (caller: number) =>
      get(port, '/work', calm, `192.0.2.${caller + 1}`).then(({ status, ms }) => {
        if (status === 200) times.push(ms)
        else refused.quiet++
      })
    const noisy = () =>
      get(port, '/work', shouting, '198.51.100.66').then(({ status }) => {
        if (status !== 200) refused.noisy++
      })
    const start = performance.now()
    let asked = 0
    let shouted = 0
    while (performance.now() - start < seconds * 1000) {
      const elapsed = (performance.now() - start) / 1000
      for (; asked < elapsed * each * 10; asked++) open.push(quiet(asked % 10))
      if (noise) for (; shouted < elapsed * each * 100; shouted++) open.push(noisy())
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await Promise.all(open)
    return times
  }

  const without: number[] = []
  const with_: number[] = []
  await run(false)
  for (let round = 0; round < rounds; round++) {
    without.push(...(await run(false)))
    with_.push(...(await run(true)))
  }
  calm.destroy()
  shouting.destroy()
  const [alone, beside_] = [percentile(without, 0.99), percentile(with_, 0.99)]
  return [
    {
      name: `throttle: p99 of ten callers beside one that offers 100 times as much, ms; without it ${alone.toFixed(1)}`,
      figure: beside_.toFixed(1),
      bound: `<= ${(alone * 1.2).toFixed(1)}`,
      ok: size === 'small' || beside_ <= alone * 1.2,
    },
    {
      name: `throttle: requests of the ten refused; of the one ${refused.noisy}`,
      figure: String(refused.quiet),
      bound: '0',
      ok: refused.quiet === 0,
    },
  ]
}

/** What clients that leave leave behind. */
async function aborts(port: number, server: ChildProcess, size: Size): Promise<Figure[]> {
  const count = size === 'full' ? 100_000 : 1000
  const wave = 500
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const flood = async (total: number): Promise<void> => {
    for (let at = 0; at < total; at += wave) {
      const sockets = await waiters(port, '/left', wave)
      // Whoever is reset before it is read has not waited.
      for (let i = 0; i < 3; i++) await get(port, '/health', agent)
      leave(sockets)
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  // What the allocator keeps of a first flood it keeps: it is the next that may add nothing.
  await flood(size === 'full' ? 40_000 : 1000)
  const before = await facts(server)
  await flood(count)
  const after = await facts(server)
  agent.destroy()
  const waited = after.waited - before.waited
  const grown = after.rss / before.rss - 1
  return [
    {
      name: `throttle: of ${count} that left, had waited`,
      figure: String(waited),
      bound: `>= ${count * 0.95}`,
      ok: waited >= count * 0.95,
    },
    {
      name: `throttle: handles after ${count} aborts; before them ${before.handles}`,
      figure: String(after.handles),
      bound: `<= ${Math.ceil(before.handles * 1.05)}`,
      ok: after.handles <= Math.ceil(before.handles * 1.05),
    },
    {
      name: `throttle: heap after ${count} aborts, MiB; before them ${(before.heap / 1048576).toFixed(1)}`,
      figure: (after.heap / 1048576).toFixed(1),
      bound: `<= ${((before.heap * 1.05) / 1048576).toFixed(1)}`,
      ok: size === 'small' || after.heap <= before.heap * 1.05,
    },
    {
      name: `throttle: RSS after ${count} aborts, % above ${(before.rss / 1048576).toFixed(0)} MiB`,
      figure: (grown * 100).toFixed(1),
      bound: '<= 5',
      ok: size === 'small' || grown <= 0.05,
    },
  ]
}

/** Waiting: exact, fair, harmless to others, and gone with whoever leaves. */
export async function prove(size: Size): Promise<Figure[]> {
  const timed = await served(async (port) => [
    ...(await paced(port, size)),
    await beside(port, size),
    ...(await fair(port, size)),
  ])
  return [...timed, ...(await served((port, server) => aborts(port, server, size)))]
}

async function served(measure: (port: number, server: ChildProcess) => Promise<Figure[]>): Promise<Figure[]> {
  const server = fork(fileURLToPath(import.meta.url), ['serve-throttle-proof'], { execArgv: ['--expose-gc'] })
  try {
    const [port] = (await once(server, 'message')) as [number]
    return await measure(port, server)
  } finally {
    server.kill()
  }
}
