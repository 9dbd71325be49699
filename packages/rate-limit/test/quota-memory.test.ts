import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import rateLimit, { openMemory, type PolicyOptions, type QuotaMemory, type StoreOptions } from '../src/index.ts'

const perIp: PolicyOptions = { name: 'per-ip', limit: 5, window: 3600 }

async function limited(
  store: StoreOptions,
  policies: PolicyOptions[] = [perIp],
): Promise<{ app: FastifyInstance; ask: (times: number) => Promise<number[]> }> {
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(rateLimit, { policies, store })
  app.get('/', async () => 'ok')
  await app.ready()
  const ask = async (times: number): Promise<number[]> => {
    const statuses: number[] = []
    for (let time = 0; time < times; time++) statuses.push((await app.inject('/')).statusCode)
    return statuses
  }
  return { app, ask }
}

/** Five requests to one app, then five to the app that replaces it. */
async function replaced(memory: QuotaMemory | undefined, after: PolicyOptions[] = [perIp]): Promise<number[]> {
  const store = memory === undefined ? {} : { memory }
  const old = await limited(store)
  expect(await old.ask(5)).toEqual([200, 200, 200, 200, 200])
  const next = await limited(store, after)
  await old.app.close()
  return next.ask(2)
}

describe('an app that replaces another', () => {
  it('gives callers a whole quota again where each has a memory of its own', async () => {
    expect(await replaced(undefined)).toEqual([200, 200])
  })

  it('goes on counting where both share a memory', async () => {
    expect(await replaced(openMemory())).toEqual([429, 429])
  })

  it('holds a ban that began under the other', async () => {
    const memory = openMemory()
    const banning: PolicyOptions = { ...perIp, limit: 1, window: 1, ban: { after: 1, within: 60, for: 3600 } }
    const old = await limited({ memory }, [banning])
    expect(await old.ask(2)).toEqual([200, 429])
    const next = await limited({ memory }, [banning])
    await old.app.close()
    const answer = await next.app.inject('/')
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(3000)
  })

  it.each([
    ['limit', { ...perIp, limit: 6 }],
    ['window', { ...perIp, window: 7200 }],
    ['name', { ...perIp, name: 'other' }],
    ['partition', { ...perIp, per: ['route'] }],
  ] satisfies [string, PolicyOptions][])('counts a policy of another %s from the start', async (_, policy) => {
    expect(await replaced(openMemory(), [policy])).toEqual([200, 200])
  })

  it('tells its own log when newcomers share a quota', async () => {
    const memory = openMemory()
    const old = await limited({ memory, maxKeys: 1 })
    const lines: string[] = []
    const stream = { write: (line: string) => void lines.push(line) }
    const next = Fastify({ trustProxy: true, logger: { level: 'error', stream } })
    onTestFinished(() => next.close())
    await next.register(rateLimit, { policies: [perIp], store: { memory, maxKeys: 1 } })
    next.get('/', async () => 'ok')
    await next.ready()
    await old.ask(6)
    await old.app.close()
    await next.inject({ url: '/', headers: { 'x-forwarded-for': '192.0.2.1' } })
    expect(lines.join('')).toContain('newcomers share one quota')
  })
})

describe('a memory', () => {
  it('forgets what no open app counts', async () => {
    const memory = openMemory()
    const old = await limited({ memory })
    const next = await limited({ memory }, [{ ...perIp, limit: 6 }])
    expect(memory.size).toBe(2)
    await old.app.close()
    expect(memory.size).toBe(1)
    await next.app.close()
    expect(memory.size).toBe(0)
  })

  it('is what openMemory() gives, and nothing else', async () => {
    const app = Fastify()
    await expect(async () =>
      app.register(rateLimit, { policies: [perIp], store: { memory: {} as never } }),
    ).rejects.toThrow(/store\.memory +must be what `openMemory\(\)` gives/)
  })
})
