import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, it } from 'vitest'
import rateLimit, { type PolicyOptions } from '../src/index.ts'

const apps: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

it.each([
  ['one fixed window', { name: 'q', limit: 2, window: 60 }],
  ['a token bucket', { name: 'q', algorithm: 'token-bucket', limit: 2, window: 60 }],
] as [string, PolicyOptions][])(
  'newcomers share one quota once everybody known is refused, and that is told once: %s',
  async (_, policy) => {
    const app = Fastify({ trustProxy: '127.0.0.1' })
    apps.push(app)
    await app.register(rateLimit, { policies: [policy], store: { maxKeys: 5 } })
    app.get('/', async () => 'ok')
    const told: SecurityEvent[] = []
    onSecurityEvent(app, (event) => {
      if (event.type === 'rate-limit.overflowed') told.push(event)
    })
    const statusOf = async (ip: string): Promise<number> =>
      (await app.inject({ url: '/', headers: { 'x-forwarded-for': ip } })).statusCode
    for (let caller = 0; caller < 5; caller++) {
      for (const expected of [200, 200, 429]) expect(await statusOf(`192.0.2.${caller}`)).toBe(expected)
    }
    expect(told).toEqual([])
    const newcomers = []
    for (let caller = 0; caller < 10; caller++) newcomers.push(await statusOf(`198.51.100.${caller}`))
    expect(newcomers.filter((status) => status === 200)).toHaveLength(2)
    for (let caller = 0; caller < 5; caller++) expect(await statusOf(`192.0.2.${caller}`)).toBe(429)
    expect(told.map(({ type, outcome, detail }) => ({ type, outcome, detail }))).toEqual([
      { type: 'rate-limit.overflowed', outcome: 'allowed', detail: { policy: 'q', maxKeys: 5 } },
    ])
  },
)
