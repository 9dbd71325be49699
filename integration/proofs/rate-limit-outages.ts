import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { MemcachedServer } from '@portcullis/testing/memcached'
import { RedisServer } from '@portcullis/testing/redis'
import type { Figure, Size } from '../proof.ts'
import { TcpProxy } from '../test/tcp-proxy.ts'

/** The store's deadline, as `limited-server.ts` has it. */
const DEADLINE = 50

/** Requests at a steady rate, each of a caller of its own, in turn to a policy that counts by itself and one that refuses. */
class Load {
  readonly times: number[] = []
  readonly statuses = new Map<string, number>()
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 100 })
  readonly #port: number
  readonly #flying = new Set<Promise<void>>()
  #sent = 0

  constructor(port: number) {
    this.#port = port
  }

  async run(milliseconds: number): Promise<void> {
    const start = performance.now()
    const first = this.#sent
    while (performance.now() - start < milliseconds) {
      while (this.#sent - first < (performance.now() - start) / 4) {
        const one = this.#ask(this.#sent++).finally(() => this.#flying.delete(one))
        this.#flying.add(one)
      }
      await pause(2)
    }
    await Promise.all(this.#flying)
  }

  #ask(number: number): Promise<void> {
    const path = number % 2 === 0 ? '/local' : '/closed'
    const start = performance.now()
    return new Promise((resolve) => {
      const done = (status: number): void => {
        this.times.push(performance.now() - start)
        const seen = `${path} ${status}`
        this.statuses.set(seen, (this.statuses.get(seen) ?? 0) + 1)
        resolve()
      }
      request({ port: this.#port, host: '127.0.0.1', path, agent: this.#agent, headers: { 'x-caller': `c${number}` } })
        .on('response', (response) => response.resume().on('end', () => done(response.statusCode ?? 0)))
        .on('error', () => done(0))
        .end()
    })
  }

  stop(): void {
    this.#agent.destroy()
  }
}

interface Trial {
  readonly name: string
  readonly kind: 'redis' | 'memcached'
  /** Where the app finds the store. */
  readonly port: number
  readonly fail: () => unknown
  readonly mend: () => unknown
  /** Keys that the store has counted. */
  readonly counted: () => Promise<number>
  /** Milliseconds after which a command that was held back has arrived. */
  readonly settles: number
}

async function tried({ name, kind, port, fail, mend, counted, settles }: Trial, full: boolean): Promise<Figure[]> {
  const child: ChildProcess = fork(new URL('../test/limited-server.ts', import.meta.url), [kind, String(port)], {
    execArgv: [],
  })
  const [listening] = (await once(child, 'message')) as [number]
  await new Load(listening).run(full ? 1000 : 300)
  const load = new Load(listening)
  try {
    await load.run(full ? 1000 : 200)
    await fail()
    await load.run(full ? 3000 : 600)
    const kept = name.includes('killed') ? 0 : await whileAway(counted)
    await mend()
    await pause(settles)
    const late = name.includes('killed') ? null : (await counted()) - kept
    const before = await counted()
    const mended = performance.now()
    let back = Number.POSITIVE_INFINITY
    while (performance.now() - mended < 5000) {
      await load.run(50)
      if ((await counted()) > before) {
        back = performance.now() - mended
        break
      }
    }
    await load.run(full ? 1000 : 200)

    const sorted = load.times.toSorted((left, right) => left - right)
    const most = sorted.at(-1) ?? Number.NaN
    const p999 = sorted[Math.floor(sorted.length * 0.999)] ?? Number.NaN
    // A small run shares its processor with other tests: what it is held to is the policy, not the time.
    const slack = full ? 1 : 20
    const wrong = [...load.statuses].filter(([seen]) => !['/local 200', '/closed 200', '/closed 503'].includes(seen))
    const refused = load.statuses.get('/closed 503') ?? 0
    return [
      {
        name: `${name}: p99.9 of ${sorted.length} answers, ms`,
        figure: p999.toFixed(1),
        bound: `<= ${(DEADLINE + 50) * slack}`,
        ok: p999 <= (DEADLINE + 50) * slack,
      },
      {
        name: `${name}: slowest answer, ms`,
        figure: most.toFixed(1),
        bound: `<= ${(DEADLINE + 500) * slack}`,
        ok: most <= (DEADLINE + 500) * slack,
      },
      {
        name: `${name}: answers not as the policy says`,
        figure: wrong.length === 0 ? '0' : wrong.map((one) => one.join(' × ')).join(', '),
        bound: '0',
        ok: wrong.length === 0,
      },
      {
        name: `${name}: refused meanwhile by the closed policy`,
        figure: String(refused),
        bound: '> 0',
        ok: refused > 0,
      },
      ...(late === null
        ? []
        : [{ name: `${name}: requests counted late`, figure: String(late), bound: '0', ok: late === 0 }]),
      {
        name: `${name}: shared again after, ms`,
        figure: back.toFixed(0),
        bound: '<= 2000',
        ok: back <= 2000,
      },
    ]
  } finally {
    load.stop()
    child.kill()
  }
}

/** What the store had counted when it went away; asked later if it does not answer now. */
let lastCount = 0
const whileAway = async (counted: () => Promise<number>): Promise<number> =>
  Promise.race([counted(), pause(100).then(() => lastCount)])

/** A shared store is killed, frozen, delayed or restarted under load. */
export async function prove(size: Size): Promise<Figure[]> {
  const full = size === 'full'
  const figures: Figure[] = []
  const redis = await RedisServer.start()
  const proxy = await TcpProxy.start(redis.port)
  const admin = redis.client()
  const counted = async (): Promise<number> => admin.dbsize()
  const common = { kind: 'redis', counted } as const
  const trials: Trial[] = [
    {
      ...common,
      name: 'Redis frozen',
      port: redis.port,
      fail: async () => {
        await pause(100)
        lastCount = await counted()
        redis.signal('SIGSTOP')
      },
      mend: () => redis.signal('SIGCONT'),
      settles: 300,
    },
    {
      ...common,
      name: 'Redis 500 ms away',
      port: proxy.port,
      fail: async () => {
        await pause(100)
        lastCount = await counted()
        proxy.delayMs = 500
      },
      mend: async () => {
        // What is still on its way arrives while nobody asks.
        await pause(1100)
        proxy.delayMs = 0
      },
      settles: 100,
    },
    {
      ...common,
      name: 'Redis killed',
      port: redis.port,
      fail: async () => redis.kill(),
      mend: async () => redis.revive(),
      settles: 0,
    },
  ]
  try {
    for (const trial of trials) figures.push(...(await tried(trial, full)))
  } finally {
    proxy.stop()
    await redis.stop()
  }
  const memcached = await MemcachedServer.start()
  const client = memcached.client()
  try {
    const items = async (): Promise<number> => memcached.items(client)
    figures.push(
      ...(await tried(
        {
          name: 'Memcached killed and started',
          kind: 'memcached',
          port: memcached.port,
          fail: async () => memcached.kill(),
          mend: async () => memcached.revive(),
          counted: items,
          settles: 0,
        },
        full,
      )),
    )
  } finally {
    await memcached.stop()
  }
  return figures
}
