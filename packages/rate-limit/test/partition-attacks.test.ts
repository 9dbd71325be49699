import official from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyRequest, type InjectOptions } from 'fastify'
import { afterEach, expect, it } from 'vitest'
import type { PolicyOptions, RateLimitOptions } from '../src/index.ts'
import { limitedApp } from './limited-app.ts'

const apps: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

type Statuses = (...requests: InjectOptions[]) => Promise<number[]>

/** The official plugin with its fixed window of one request. */
async function theirs(options: object): Promise<Statuses> {
  const app = Fastify({ trustProxy: '127.0.0.1' })
  apps.push(app)
  await app.register(official, { max: 1, timeWindow: 60_000, ...options } as never)
  app.route({ method: ['GET', 'POST'], url: '/', handler: async () => 'ok' })
  return async (...requests) => {
    const found = []
    for (const request of requests) found.push((await app.inject({ url: '/', ...request })).statusCode)
    return found
  }
}

async function ours(policy: Partial<PolicyOptions>, more: Partial<RateLimitOptions> = {}): Promise<Statuses> {
  const { app, statuses } = await limitedApp([{ name: 'q', limit: 1, window: 60, ...policy }], more)
  apps.push(app)
  return statuses
}

const post = (email: unknown, more: InjectOptions = {}): InjectOptions => ({
  method: 'POST',
  payload: { email },
  ...more,
})

it('a limit that is no number does not lift the limit', async () => {
  const limit = (): number => Number.NaN
  expect(await (await theirs({ max: limit }))({}, {}, {})).toEqual([200, 200, 200])
  expect(await (await ours({ limit }))({}, {}, {})).toEqual([503, 503, 503])
})

it('a limit function that throws does not answer 500', async () => {
  const limit = (): number => {
    throw new Error('the database is away')
  }
  expect(await (await theirs({ max: limit }))({})).toEqual([500])
  expect(await (await ours({ limit }))({})).toEqual([503])
})

it('a body field of another type buys no second quota, and locks nobody else out', async () => {
  const keyGenerator = ({ body }: FastifyRequest): string => (body as { email: string }).email
  const by = await theirs({ hook: 'preHandler', keyGenerator })
  // A list is a key of its own, and whoever sends nothing shares one with all others who do.
  expect(await by(post('a'), post('a'), post(['a', '']), post(undefined), post(undefined))).toEqual([
    200, 429, 200, 200, 429,
  ])
  const mine = await ours({ partitionBy: { body: 'email' } })
  const stranger: InjectOptions = { remoteAddress: '192.0.2.9' }
  expect(await mine(post('a'), post('a'), post(['a', '']), post({ a: 1 }), post(undefined))).toEqual([
    200, 429, 200, 429, 429,
  ])
  expect(await mine(post(undefined, stranger), post(7, stranger), post('7', stranger))).toEqual([200, 200, 429])
})

it('two keys that run together are still two', async () => {
  const pair = ({ headers, body }: FastifyRequest): string =>
    `${String(headers['x-tenant'])}:${(body as { email: string }).email}`
  const asked = (tenant: string, email: string): InjectOptions => post(email, { headers: { 'x-tenant': tenant } })
  const by = await theirs({ hook: 'preHandler', keyGenerator: pair })
  expect(await by(asked('a:b', 'c'), asked('a', 'b:c'))).toEqual([200, 429])
  const mine = await ours({ partitionBy: [{ header: 'x-tenant' }, { body: 'email' }] })
  expect(await mine(asked('a:b', 'c'), asked('a', 'b:c'), asked('a', 'b:c'))).toEqual([200, 200, 429])
  // Lengths in front cannot be spelt by a value, nor can the letters of another kind.
  expect(await mine(asked('1:h', 'x'), asked('h', '1:x'), asked('', '3:h1:'), asked('h3', ''))).toEqual([
    200, 200, 200, 200,
  ])
})

it('an allowed caller is found in any spelling of its address, and nobody else in the spelling of an allowed one', async () => {
  const as = (ip: string): InjectOptions => ({ headers: { 'x-forwarded-for': ip } })
  const spelt = [as('10.0.0.1:4711'), as('10.0.0.1:4711')]
  expect(await (await theirs({ allowList: ['10.0.0.1'] }))(...spelt)).toEqual([200, 429])
  const mine = await ours({}, { allow: ['10.0.0.0/8'] })
  expect(await mine(...spelt, as('::ffff:10.0.0.1'), as('[::ffff:a00:1]:443'))).toEqual([200, 200, 200, 200])
  expect(await mine(as('2002:a00:1::1'), as('2002:a00:1::1'), as('10.0.0.1.evil'), as('10.0.0.1.evil'))).toEqual([
    200, 429, 200, 429,
  ])
})

it('a range on a list means the range', async () => {
  const inside: InjectOptions = { remoteAddress: '10.1.2.3' }
  expect(await (await theirs({ allowList: ['10.0.0.0/8'] }))(inside, inside)).toEqual([200, 429])
  expect(await (await ours({}, { allow: ['10.0.0.0/8'] }))(inside, inside)).toEqual([200, 200])
})

it('a method limited by name is not escaped by HEAD, nor by an unknown override', async () => {
  const mine = await ours({ methods: ['GET'] })
  expect(
    await mine({ method: 'GET' }, { method: 'HEAD' }, { method: 'GET', headers: { 'x-http-method-override': 'POST' } }),
  ).toEqual([200, 429, 429])
})

it('a caller cannot reach the quota of a route by the name of another', async () => {
  const { app, statuses } = await limitedApp([{ name: 'q', limit: 1, window: 60, per: ['route'] }])
  apps.push(app)
  app.get('/user/:name', async () => 'user')
  // One route whatever its parameters; the query and a second slash make no other.
  expect(await statuses('/user/a', '/user/b', '/user/c?x=/', '/', '/?/user/a')).toEqual([200, 429, 429, 200, 429])
})
