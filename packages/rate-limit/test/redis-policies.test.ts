import type { FastifyInstance, InjectOptions } from 'fastify'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { PolicyOptions } from '../src/index.ts'
import { limitedApp } from './limited-app.ts'
import { hasRedis, RedisServer } from '@portcullis/testing/redis'

// Windows so long that the clocks of two stores do not matter.
const window = 86_400
const post = (email: string, headers: Record<string, string> = {}): InjectOptions => ({
  method: 'POST',
  payload: { email },
  headers,
})
const times = (count: number, one: InjectOptions): InjectOptions[] => Array.from({ length: count }, () => one)

const cases: [string, PolicyOptions[], InjectOptions[]][] = [
  [
    'a policy that only reports beside one that holds',
    [
      { name: 'held', limit: 3, window },
      { name: 'tried', limit: 2, window, reportOnly: true, algorithm: 'sliding-window' },
    ],
    times(5, {}),
  ],
  [
    'only policies that report',
    [
      { name: 'a', limit: 1, window, reportOnly: true, ban: { after: 1, within: 60, for: 60 } },
      { name: 'b', limit: 2, window, reportOnly: true },
    ],
    times(4, {}),
  ],
  [
    'limits and costs by function',
    [
      {
        name: 'plan',
        algorithm: 'sliding-window',
        limit: ({ headers }) => Number(headers['x-limit']),
        cost: ({ headers }) => Number(headers['x-cost']),
        window,
      },
    ],
    [
      ...times(3, { headers: { 'x-limit': '5', 'x-cost': '2' } }),
      { headers: { 'x-limit': '50', 'x-cost': '7' } },
      { headers: { 'x-limit': '50', 'x-cost': '0' } },
      { headers: { 'x-limit': 'no', 'x-cost': '1' } },
    ],
  ],
  [
    'partitions of all stages, combined',
    [
      { name: 'all', limit: 6, window, partitionBy: 'global' },
      { name: 'pair', limit: 2, window, partitionBy: ['identity', { body: 'email' }] },
      { name: 'id', limit: 3, window, partitionBy: 'identity', per: ['method'] },
    ],
    [
      post('a', { 'x-user': 'alice' }),
      post('a', { 'x-user': 'alice' }),
      post('a', { 'x-user': 'alice' }),
      post('b', { 'x-user': 'alice' }),
      post('a', { 'x-user': 'bob' }),
      { headers: { 'x-user': 'alice' } },
      post('c'),
    ],
  ],
]

describe.runIf(hasRedis)('over Redis', () => {
  let server: RedisServer
  let redis: Redis
  const apps: FastifyInstance[] = []
  beforeAll(async () => {
    server = await RedisServer.start()
    redis = server.client()
  })
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()))
  })
  afterAll(async () => {
    await server.stop()
  })

  it.each(cases)('decides as in memory, and tells the same: %s', async (what, policies, requests) => {
    const answers = []
    for (const store of [{}, { redis, prefix: `${what.replaceAll(/\W/g, '-')}:`, timeoutMs: 5000 }]) {
      const { app, events } = await limitedApp(policies, { store })
      apps.push(app)
      const told = []
      for (const request of requests) {
        const { statusCode, headers } = await app.inject({ url: '/', ...request })
        // Seconds may pass between the two.
        const left = String(headers['ratelimit']).replaceAll(/;t=\d+/g, '')
        told.push([statusCode, left, headers['ratelimit-policy'], headers['x-ratelimit-remaining']])
      }
      answers.push({ told, events: events.map(({ type, outcome, code }) => [type, outcome, code]) })
    }
    expect(answers[1]).toEqual(answers[0])
    expect(answers[0]!.events.length).toBeGreaterThan(0)
  })
})
