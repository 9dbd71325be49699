import type { FastifyInstance, FastifyRequest, InjectOptions } from 'fastify'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { PolicyOptions, RateLimitOptions } from '../src/index.ts'
import { limitedApp, type LimitedApp } from './limited-app.ts'

const apps: FastifyInstance[] = []
beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1, 12), toFake: ['Date', 'performance'] })
})
afterEach(async () => {
  vi.useRealTimers()
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

async function limited(
  policies: PolicyOptions | readonly PolicyOptions[],
  more: Partial<RateLimitOptions> = {},
): Promise<LimitedApp> {
  const made = await limitedApp([policies].flat() as PolicyOptions[], { nearing: 0, ...more })
  apps.push(made.app)
  return made
}

const one: PolicyOptions = { name: 'q', limit: 1, window: 60 }
const from = (ip: string): InjectOptions => ({ remoteAddress: ip })
const post = (payload: object, more: InjectOptions = {}): InjectOptions => ({ method: 'POST', payload, ...more })

describe('partitions', () => {
  it('by header field give each value its own quota, and count by address where there is none', async () => {
    const { statuses } = await limited({ ...one, partitionBy: { header: 'x-tenant' } })
    const of = (tenant: string): InjectOptions => ({ headers: { 'x-tenant': tenant } })
    expect(await statuses(of('a'), of('b'), of('a'))).toEqual([200, 200, 429])
    expect(await statuses(from('192.0.2.1'), from('192.0.2.2'), from('192.0.2.1'))).toEqual([200, 200, 429])
    expect(await statuses({ headers: { 'x-tenant': '' }, ...from('192.0.2.3') }, from('192.0.2.3'))).toEqual([200, 429])
  })

  it('by body field are decided after validation, and only text and numbers are names', async () => {
    const { app, statuses } = await limited({ ...one, partitionBy: { body: 'email' } })
    app.post(
      '/checked',
      { schema: { body: { type: 'object', properties: { email: { type: 'string', minLength: 3 } } } } },
      async () => 'ok',
    )
    const checked = (email: string): InjectOptions => ({ ...post({ email }), url: '/checked' })
    expect(await statuses(checked('a'), checked('a'), checked('abc'), checked('abc'))).toEqual([400, 400, 200, 429])
    expect(
      await statuses(post({ email: 'abc' }), post({ email: 'x' }), post({ email: 7 }), post({ email: '7' })),
    ).toEqual([429, 200, 200, 429])
    // Lists, objects and inherited members are no names: all of these are one address.
    const strangers = [{ email: ['x'] }, { email: { x: 1 } }, { email: true }, { email: null }, { email: '' }, {}, []]
    expect(await statuses(...strangers.map((payload) => post(payload)))).toEqual([200, ...Array(6).fill(429)])
  })

  it('by a body field that every object inherits count by address', async () => {
    const { statuses } = await limited({ ...one, partitionBy: { body: 'constructor' } })
    expect(await statuses(post({}), post({}, from('192.0.2.9')), post({}))).toEqual([200, 200, 429])
  })

  it('global are one quota for everybody', async () => {
    const { statuses } = await limited({ ...one, partitionBy: 'global' })
    expect(await statuses(from('192.0.2.1'), from('192.0.2.2'), '/other')).toEqual([200, 429, 429])
  })

  it('by several keys count each pair', async () => {
    const { statuses } = await limited({ ...one, partitionBy: ['ip', { body: 'email' }] })
    const as = (ip: string, email: string): InjectOptions => post({ email }, from(ip))
    expect(
      await statuses(as('192.0.2.1', 'a'), as('192.0.2.1', 'b'), as('192.0.2.2', 'a'), as('192.0.2.1', 'a')),
    ).toEqual([200, 200, 200, 429])
  })

  it('act in the earliest stage that knows all keys, and write the fields of all stages', async () => {
    const { app } = await limited([
      { name: 'ip', limit: 9, window: 60 },
      { name: 'id', limit: 8, window: 60, partitionBy: ['ip', 'identity'] },
      { name: 'body', limit: 7, window: 60, partitionBy: ['identity', { body: 'email' }] },
    ])
    const { headers } = await app.inject(post({ email: 'a' }, { url: '/', headers: { 'x-user': 'alice' } }))
    expect(headers).toMatchObject({
      ratelimit: '"ip";r=8;t=60, "id";r=7;t=60, "body";r=6;t=60',
      'ratelimit-policy': '"ip";q=9;w=60, "id";q=8;w=60, "body";q=7;w=60',
      'x-ratelimit-limit': '7',
      'x-ratelimit-remaining': '6',
    })
  })
})

describe('per and methods', () => {
  it('give each route a quota of its own, unknown URLs one together', async () => {
    const { statuses } = await limited({ ...one, per: ['route'] })
    expect(await statuses('/', '/other', '/', '/other', '/x', '/y')).toEqual([200, 200, 429, 429, 404, 429])
  })

  it('give each method a quota of its own, HEAD none beside GET', async () => {
    const { statuses } = await limited({ ...one, per: ['method'] })
    expect(await statuses({ method: 'GET' }, { method: 'HEAD' }, { method: 'POST' }, '/other')).toEqual([
      200, 429, 200, 429,
    ])
  })

  it('give each pair of both a quota of its own', async () => {
    const { statuses } = await limited({ ...one, per: ['route', 'method'] })
    expect(await statuses('/', '/other', { method: 'POST' }, '/')).toEqual([200, 200, 200, 429])
  })

  it('limit only the methods that are named, and advertise nothing elsewhere', async () => {
    const { app, statuses } = await limited([
      { ...one, methods: ['POST', 'PUT'] },
      { name: 'all', limit: 9, window: 60 },
    ])
    expect(await statuses({ method: 'POST' }, { method: 'PUT' }, { method: 'GET' })).toEqual([200, 429, 200])
    expect((await app.inject('/')).headers['ratelimit-policy']).toBe('"all";q=9;w=60')
    expect((await app.inject({ method: 'POST', url: '/' })).headers['ratelimit-policy']).toBe(
      '"q";q=1;w=60, "all";q=9;w=60',
    )
  })

  it('count HEAD where GET is named', async () => {
    const { statuses } = await limited({ ...one, methods: ['GET'] })
    expect(await statuses({ method: 'HEAD' }, { method: 'GET' }, { method: 'POST' })).toEqual([200, 429, 200])
  })
})

describe('limits and costs by function', () => {
  const plan = (request: FastifyRequest): number => (request.headers['x-plan'] === 'pro' ? 3 : 1)
  const pro: InjectOptions = { headers: { 'x-plan': 'pro' } }

  it.each(['fixed-window', 'sliding-window'] as const)(
    'give each caller the limit of its plan, and remember what it has spent: %s',
    async (algorithm) => {
      const { app, statuses } = await limited({ ...one, algorithm, limit: plan })
      expect(await statuses({}, {}, pro, pro, pro)).toEqual([200, 429, 200, 200, 429])
      const { headers } = await app.inject({ url: '/', ...pro })
      expect(headers).toMatchObject({ 'x-ratelimit-limit': '3', 'ratelimit-policy': '"q";q=3;w=60' })
    },
  )

  it.each(['token-bucket', 'leaky-bucket'] as const)(
    'keep the share that is spent when the limit changes: %s',
    async (algorithm) => {
      const { app, statuses } = await limited({ ...one, algorithm, limit: plan })
      expect(await statuses({}, {}, pro)).toEqual([200, 429, 429])
      vi.advanceTimersByTime(20_000)
      expect(await statuses({}, pro, pro)).toEqual([429, 200, 429])
      const { headers } = await app.inject({ url: '/', ...pro })
      expect(headers).toMatchObject({ 'x-ratelimit-limit': '3', 'ratelimit-policy': '"q";q=3;w=60' })
    },
  )

  it('let a request cost nothing', async () => {
    const { statuses } = await limited({ ...one, cost: ({ method }) => (method === 'GET' ? 0 : 1) })
    expect(await statuses({}, {}, { method: 'POST' }, { method: 'POST' }, {})).toEqual([200, 200, 200, 429, 200])
  })

  const boom = (): never => {
    throw new Error('boom')
  }
  const wrong: [string, () => unknown][] = [
    ['NaN', () => Number.NaN],
    ['Infinity', () => Number.POSITIVE_INFINITY],
    ['a negative number', () => -1],
    ['a fraction', () => 1.5],
    ['more than there may be', () => 1e9],
    ['a string', () => '5'],
    ['nothing', () => undefined],
    ['a promise', () => Promise.resolve(5)],
    ['a promise that fails', () => Promise.reject(new Error('late'))],
    ['an error', boom],
  ]

  it.each(wrong.flatMap(([what, give]) => [['limit', what, give] as const, ['cost', what, give] as const]))(
    'refuse where a %s gives %s, and say so once in the log',
    async (property, _, give) => {
      const { app, lines, events } = await limited({ ...one, [property]: give as () => number })
      for (let request = 0; request < 3; request++) {
        const answer = await app.inject('/')
        expect(answer.json()).toMatchObject({ status: 503, code: 'PTC_RATE_LIMIT_AMOUNT_INVALID' })
      }
      expect(lines.map(({ policy, msg }) => [policy, msg])).toEqual([
        ['q', `${property} gave no use; such requests are refused`],
      ])
      expect(events[0]).toMatchObject({ type: 'rate-limit.misconfigured', outcome: 'denied', detail: { policy: 'q' } })
    },
  )

  it('refuse a limit of nothing, and a cost that no limit could hold', async () => {
    expect(await (await limited({ ...one, limit: () => 0 })).statuses({})).toEqual([503])
    const dear = await limited({ ...one, limit: () => 3, cost: 4 })
    expect(await dear.statuses({}, {})).toEqual([503, 503])
    expect(dear.lines).toHaveLength(1)
  })

  it('refuse nobody under reportOnly, whatever they give', async () => {
    const { statuses, lines } = await limited({ ...one, reportOnly: true, limit: () => Number.NaN })
    expect(await statuses({}, {})).toEqual([200, 200])
    expect(lines).toHaveLength(1)
  })
})

describe('a policy that only reports', () => {
  const held: PolicyOptions = { name: 'held', limit: 3, window: 60 }
  const tried: PolicyOptions = { name: 'tried', limit: 2, window: 60, reportOnly: true }

  it('spends its quota and tells whom it would have refused, but refuses nobody', async () => {
    const { statuses, events } = await limited({ ...one, reportOnly: true })
    expect(await statuses({}, {}, {})).toEqual([200, 200, 200])
    expect(events.map(({ type, outcome, code, detail }) => [type, outcome, code, detail['policy']])).toEqual(
      Array(2).fill(['rate-limit.exceeded', 'observed', 'PTC_RATE_LIMIT_EXCEEDED', 'q']),
    )
  })

  it('neither hides the quotas that hold, nor keeps them from being spent', async () => {
    const { app, statuses } = await limited([held, tried])
    expect(await statuses({}, {})).toEqual([200, 200])
    const third = await app.inject('/')
    expect(third.statusCode).toBe(200)
    expect(third.headers).toMatchObject({
      'x-ratelimit-limit': '3',
      'x-ratelimit-remaining': '0',
      ratelimit: '"held";r=0;t=60, "tried";r=0;t=60',
    })
    expect(await statuses({})).toEqual([429])
  })

  it.each<[string, PolicyOptions[]]>([
    ['later', [held, { ...tried, partitionBy: { body: 'x' } }]],
    ['earlier', [tried, { ...held, partitionBy: { body: 'x' } }]],
  ])('hides no quota that holds though it is decided %s', async (_when, policies) => {
    const { app } = await limited(policies)
    const { headers } = await app.inject({ method: 'POST', url: '/', payload: { x: 'a' } })
    expect(headers).toMatchObject({ 'x-ratelimit-limit': '3', 'x-ratelimit-remaining': '2' })
  })

  it('spends nothing when a quota that holds refuses', async () => {
    const { app, statuses } = await limited([
      { ...held, limit: 1 },
      { ...tried, limit: 9 },
    ])
    expect(await statuses({}, {}, {})).toEqual([200, 429, 429])
    expect((await app.inject('/')).headers['ratelimit']).toBe('"held";r=0;t=60, "tried";r=8;t=60')
  })
})

describe('lists', () => {
  const lists = { allow: ['192.0.2.0/24', '2001:db8::/32'], deny: ['192.0.2.66', '203.0.113.0/24'] }

  it('lift every limit for allowed addresses, in every stage, and refuse denied ones', async () => {
    const { statuses, events } = await limited([one, { ...one, name: 'b', partitionBy: { body: 'x' } }], lists)
    const spent = async (ip: string): Promise<number[]> => statuses(post({}, from(ip)), post({}, from(ip)))
    expect(await spent('192.0.2.1')).toEqual([200, 200])
    expect(await spent('::ffff:192.0.2.1')).toEqual([200, 200])
    expect(await spent('2001:db8:1::1')).toEqual([200, 200])
    expect(await spent('198.51.100.1')).toEqual([200, 429])
    expect(await spent('203.0.113.7')).toEqual([403, 403])
    expect(await spent('192.0.2.66')).toEqual([403, 403])
    expect(events.map(({ type }) => type)).toEqual(['rate-limit.exceeded', ...Array(4).fill('rate-limit.denied')])
  })

  it('refuse before quotas by identity alone', async () => {
    const { statuses } = await limited({ ...one, partitionBy: 'identity' }, { deny: ['203.0.113.0/24'] })
    expect(await statuses(from('203.0.113.7'), {}, {})).toEqual([403, 200, 429])
  })

  it('leave a login guard in force', async () => {
    const { app, statuses } = await limited(one, lists)
    const loginGuard = { account: { body: 'email' }, perPair: 1, delay: { first: 60, longest: 60 } }
    app.post('/login', { config: { security: { rateLimit: { loginGuard } } } }, async (_, reply) =>
      reply.code(401).send(),
    )
    const guess = { ...post({ email: 'a@example.com' }, from('192.0.2.1')), url: '/login' }
    expect(await statuses(guess, guess)).toEqual([401, 429])
  })

  it('are replaced by a route’s own', async () => {
    const { app, statuses } = await limited(one, lists)
    app.get('/own', { config: { security: { rateLimit: { allow: [], deny: ['192.0.2.1'] } } } }, async () => 'own')
    const own = (ip: string): InjectOptions => ({ url: '/own', ...from(ip) })
    expect(await statuses(own('192.0.2.1'), own('192.0.2.2'), own('192.0.2.2'))).toEqual([403, 200, 429])
  })
})

describe('rate-limit.nearing', () => {
  const nearing = { nearing: 0.2 }

  it('is raised once per window and caller, when no more than the share is left', async () => {
    const { statuses, events } = await limited({ ...one, limit: 10 }, nearing)
    await statuses(...Array(7).fill({}))
    expect(events).toEqual([])
    await statuses({}, {}, {})
    expect(events).toHaveLength(1)
    expect(events[0]).toMatchObject({
      type: 'rate-limit.nearing',
      outcome: 'allowed',
      detail: { policy: 'q', limit: 10, remaining: 2, key: expect.stringMatching(/^[\w-]{27}$/) as unknown },
    })
    await statuses(...Array(8).fill(from('192.0.2.1')))
    expect(events).toHaveLength(2)
    vi.advanceTimersByTime(60_000)
    await statuses(...Array(8).fill({}))
    expect(events).toHaveLength(3)
  })

  it('is raised once though a bucket fills and empties around the share', async () => {
    const { statuses, events } = await limited({ ...one, algorithm: 'token-bucket', limit: 10 }, nearing)
    await statuses(...Array(8).fill({}))
    for (let request = 0; request < 5; request++) {
      vi.advanceTimersByTime(6000)
      await statuses({})
    }
    expect(events.map(({ type }) => type)).toEqual(['rate-limit.nearing'])
  })

  it('is never raised at 0', async () => {
    const { statuses, events } = await limited({ ...one, limit: 10 }, { nearing: 0 })
    await statuses(...Array(10).fill({}))
    expect(events).toEqual([])
  })
})

it('writes X-RateLimit-Reset as seconds from now where the options say so', async () => {
  const { app } = await limited(one, { reset: 'delta' })
  expect((await app.inject('/')).headers['x-ratelimit-reset']).toBe('60')
  vi.advanceTimersByTime(20_000)
  expect((await app.inject('/')).headers['x-ratelimit-reset']).toBe('40')
})
