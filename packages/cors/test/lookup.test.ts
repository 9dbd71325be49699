import cors, { reconfigure, type CorsOptions } from '@portcullis/cors'
import { onSecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { compileLookup, type Clock, type LookupFailure, type LookupSettings } from '../src/lookup.ts'

const origin = 'https://app.example.com'
const other = 'https://other.example.com'
const open: FastifyInstance[] = []

afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

/** A clock that stands still until it is moved. */
class HeldClock implements Clock {
  #now = 0
  readonly #timers = new Map<() => void, number>()
  now(): number {
    return this.#now
  }
  after(milliseconds: number, act: () => void): () => void {
    this.#timers.set(act, this.#now + milliseconds)
    return () => this.#timers.delete(act)
  }
  move(milliseconds: number): void {
    this.#now += milliseconds
    for (const [act, at] of this.#timers) if (at <= this.#now && this.#timers.delete(act)) act()
  }
  get waiting(): number {
    return this.#timers.size
  }
}

interface Held {
  readonly look: (origin: string) => boolean | Promise<boolean>
  readonly clock: HeldClock
  readonly asked: string[]
  readonly failures: LookupFailure[]
}

function hold(find: (origin: string) => unknown, settings: Partial<LookupSettings> = {}): Held {
  const clock = new HeldClock()
  const asked: string[] = []
  const failures: LookupFailure[] = []
  const look = compileLookup(
    (one) => {
      asked.push(one)
      return find(one) as boolean
    },
    (one) => one.startsWith('https://'),
    { deadlineMs: 100, ttl: 60, maxEntries: 3, maxPending: 2, ...settings },
    clock,
    (why) => failures.push(why),
  )
  return { look, clock, asked, failures }
}

describe('a look-up', () => {
  it.each([true, false])(
    'remembers the answer %s for its time to live, and answers without waiting',
    async (answer) => {
      const { look, clock, asked } = hold(async () => answer)
      expect(await look(origin)).toBe(answer)
      expect(look(origin)).toBe(answer)
      clock.move(59_999)
      expect(look(origin)).toBe(answer)
      expect(asked).toEqual([origin])
      clock.move(1)
      expect(await look(origin)).toBe(answer)
      expect(asked).toEqual([origin, origin])
    },
  )

  it('takes an answer that needs no waiting', () => {
    const { look, asked } = hold(() => true)
    expect([look(origin), look(origin)]).toEqual([true, true])
    expect(asked).toHaveLength(1)
  })

  it('remembers nothing with a time to live of 0', () => {
    const { look, asked } = hold(() => true, { ttl: 0 })
    expect([look(origin), look(origin)]).toEqual([true, true])
    expect(asked).toHaveLength(2)
  })

  it('asks once for all that wait for the same origin', async () => {
    const { look, clock, asked } = hold(async () => true)
    expect(await Promise.all([look(origin), look(origin), look(origin)])).toEqual([true, true, true])
    expect(asked).toEqual([origin])
    expect(clock.waiting).toBe(0)
  })

  it('says no when the deadline passes, and for a second more', async () => {
    let late: (answer: boolean) => void = () => undefined
    const { look, clock, asked, failures } = hold(() => new Promise((resolve) => (late = resolve)))
    const verdict = look(origin)
    clock.move(100)
    expect(await verdict).toBe(false)
    expect(failures).toEqual(['deadline'])
    late(true)
    await Promise.resolve()
    expect(look(origin)).toBe(false)
    clock.move(1000)
    expect(look(origin)).toBeInstanceOf(Promise)
    expect(asked).toHaveLength(2)
  })

  it.each<[does: string, why: LookupFailure, find: () => unknown]>([
    [
      'throws',
      'threw',
      () => {
        throw new Error('down')
      },
    ],
    ['rejects', 'threw', async () => Promise.reject(new Error('down'))],
    ['answers undefined', 'not-boolean', () => undefined],
    ['answers 1', 'not-boolean', () => 1],
    ["answers the text 'true'", 'not-boolean', async () => 'true'],
    ['answers an object', 'not-boolean', async () => ({ allowed: true })],
  ])('says no when the function %s', async (_, why, find) => {
    const { look, failures } = hold(find)
    expect(await look(origin)).toBe(false)
    expect(await look(origin)).toBe(false)
    expect(failures).toEqual([why])
  })

  it('waits for so many questions at a time, and says no to one more', async () => {
    const { look, asked, failures } = hold(() => new Promise(() => undefined))
    for (const one of ['https://a', 'https://b']) expect(look(one)).toBeInstanceOf(Promise)
    expect(look('https://c')).toBe(false)
    expect(look('https://a')).toBeInstanceOf(Promise)
    expect([asked, failures]).toEqual([['https://a', 'https://b'], ['busy']])
  })

  it('forgets the oldest answer first, and never holds more than it may', () => {
    const { look, asked } = hold(() => true)
    for (const one of ['https://a', 'https://b', 'https://c', 'https://d']) void look(one)
    for (const one of ['https://d', 'https://c', 'https://b']) void look(one)
    expect(asked).toHaveLength(4)
    void look('https://a')
    expect(asked).toHaveLength(5)
  })

  it('forgets no admitted origin in a flood of made-up ones', () => {
    const { look, asked } = hold((one) => one === origin)
    expect(look(origin)).toBe(true)
    for (let at = 0; at < 100; at++) expect(look(`https://${at}.evil.test`)).toBe(false)
    expect(look(origin)).toBe(true)
    expect(asked.filter((one) => one === origin)).toHaveLength(1)
  })

  it('follows an answer that changes, either way, when the old one has run out', () => {
    let answer = true
    const { look, clock } = hold(() => answer)
    for (const next of [true, false, true]) {
      answer = next
      expect(look(origin)).toBe(next)
      clock.move(60_000)
    }
  })

  it('neither asks nor remembers what no browser sends', () => {
    const { look, asked } = hold(() => true)
    expect(look('null')).toBe(false)
    expect(asked).toEqual([])
  })
})

async function make(options: CorsOptions, routes: (app: FastifyInstance) => void = () => {}): Promise<FastifyInstance> {
  const app = Fastify()
  open.push(app)
  await app.register(cors, options)
  app.get('/users', async () => '')
  app.put('/users', async () => '')
  routes(app)
  await app.ready()
  return app
}

const allowed = async (app: FastifyInstance, from: string, url = '/users'): Promise<unknown> =>
  (await app.inject({ url, headers: { origin: from } })).headers['access-control-allow-origin']

const preflight = async (app: FastifyInstance, from: string, method = 'PUT'): Promise<[number, unknown]> => {
  const headers = { origin: from, 'access-control-request-method': method }
  const response = await app.inject({ method: 'OPTIONS', url: '/users', headers })
  return [response.statusCode, response.headers['access-control-allow-methods']]
}

describe('a function as `origins`', () => {
  it('decides over requests and preflights, with Vary on every answer', async () => {
    const app = await make({ origins: async (one) => one === origin, credentials: true })
    for (let time = 0; time < 2; time++) {
      expect(await allowed(app, origin)).toBe(origin)
      expect(await allowed(app, other)).toBeUndefined()
      expect(await preflight(app, origin)).toEqual([204, 'GET, PUT'])
      expect(await preflight(app, other)).toEqual([403, undefined])
    }
    for (const headers of [{ origin }, { origin: other }, {}])
      expect((await app.inject({ url: '/users', headers })).headers.vary).toBe('Origin')
  })

  it('refuses foreign requests before anything runs, if told so', async () => {
    let reached = 0
    const app = await make({ origins: async (one) => one === origin, refuseForeignOrigins: true }, (server) => {
      server.post('/count', async () => ({ reached: ++reached }))
    })
    const status = async (from: string): Promise<number> =>
      (await app.inject({ method: 'POST', url: '/count', headers: { origin: from } })).statusCode
    expect([await status(other), await status(origin), reached]).toEqual([403, 200, 1])
  })

  it('is asked about proper origins only, and with credentials about none that the network can be', async () => {
    const asked: string[] = []
    const find = (one: string): boolean => asked.push(one) > 0
    const app = await make({ origins: find, credentials: true })
    for (const bad of [
      'null',
      '*',
      '',
      'https://*.example.com',
      `${origin}/`,
      `${origin}, ${other}`,
      'file://',
      origin.toUpperCase(),
      'http://app.example.com',
      `https://${'a.'.repeat(5000)}`,
    ])
      expect(await allowed(app, bad)).toBeUndefined()
    expect(asked).toEqual([])
    expect(await allowed(app, 'http://localhost:3000')).toBe('http://localhost:3000')
    expect(asked).toEqual(['http://localhost:3000'])
  })

  it('gives way to the list that a route names', async () => {
    const app = await make({ origins: async () => true }, (server) => {
      server.get('/listed', { config: { security: { cors: { origins: [origin] } } } }, async () => '')
    })
    expect(await allowed(app, other)).toBe(other)
    expect(await allowed(app, other, '/listed')).toBeUndefined()
    expect(await allowed(app, origin, '/listed')).toBe(origin)
  })

  it('is asked for each method of a preflight whose route has a function of its own', async () => {
    const app = await make({ origins: [origin, other] }, (server) => {
      const own = { origins: async (one: string) => one === origin }
      server.delete('/users', { config: { security: { cors: own } } }, async () => '')
    })
    expect(await preflight(app, origin, 'PUT')).toEqual([204, 'GET, PUT, DELETE'])
    expect(await preflight(app, other, 'PUT')).toEqual([204, 'GET, PUT'])
    expect(await preflight(app, other, 'DELETE')).toEqual([403, undefined])
  })

  it('that fails closes the door and says so in an event, without the reason in the answer', async () => {
    const app = await make({ origins: async () => Promise.reject(new Error('secret: db.internal')) })
    const events: unknown[] = []
    onSecurityEvent(app, ({ type, outcome, detail }) => events.push([type, outcome, detail]))
    const response = await app.inject({ url: '/users', headers: { origin } })
    expect(response.statusCode).toBe(200)
    expect(JSON.stringify(response.headers) + response.body).not.toContain('secret')
    expect(response.headers).not.toHaveProperty('access-control-allow-origin')
    expect(events).toEqual([
      ['cors.lookup-failed', 'denied', { reason: 'threw' }],
      ['cors.withheld', 'allowed', { reason: 'origin' }],
    ])
  })

  it('that never answers is given up at its deadline', async () => {
    const app = await make({ origins: () => new Promise(() => undefined), lookup: { deadlineMs: 1 } })
    const events: unknown[] = []
    onSecurityEvent(app, ({ type, detail }) => events.push([type, detail['reason']]))
    expect(await preflight(app, origin)).toEqual([403, undefined])
    expect(events).toEqual([
      ['cors.lookup-failed', 'deadline'],
      ['cors.rejected', 'origin'],
    ])
  })

  it('is replaced by reconfigure, and its answers are forgotten', async () => {
    const app = await make({ origins: () => true })
    expect(await allowed(app, origin)).toBe(origin)
    await reconfigure(app, { origins: () => false })
    expect(await allowed(app, origin)).toBeUndefined()
  })
})
