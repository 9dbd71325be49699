import { type AdmissionEnd, watchAdmission } from '@portcullis/kernel'
import Fastify, { type FastifyRequest } from 'fastify'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import auth, { type AuthOptions, createApiKey } from '../src/index.ts'
import { jwt } from './apps.ts'
import { token } from './forge.ts'

const now = 1_800_000_000

beforeEach(() => void vi.useFakeTimers({ now: now * 1000, toFake: ['setTimeout', 'clearTimeout', 'Date'] }))
afterEach(() => void vi.useRealTimers())

/** An app with a request that stays: what ended it, and what another one like it is answered. */
async function stage(options: AuthOptions, headers: Record<string, string>) {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) }
  const app = Fastify({ logger: { level: 'error', stream } })
  await app.register(auth, options)
  let seen: FastifyRequest | undefined
  app.get('/', { config: { security: { auth: {} } } }, async (request) => {
    seen = request
  })
  const ask = async (): Promise<number> => (await app.inject({ url: '/', headers })).statusCode
  expect(await ask()).toBe(200)
  const ends: AdmissionEnd[] = []
  watchAdmission(seen as FastifyRequest, (why) => void ends.push(why))
  return { ask, ends, lines }
}

const headers = { authorization: `Bearer ${token({ iat: now, exp: now + 3600 })}` }

/** A Redis that the test takes away. */
function someRedis() {
  let isAway = false
  const answer = async (): Promise<string[]> => {
    if (isAway) throw new Error('away')
    return []
  }
  const subscriber = { subscribe: answer, ping: answer, on: () => {}, disconnect: () => {} }
  const zscan = async (): Promise<[string, string[]]> => ['0', await answer()]
  return {
    redis: { eval: answer, zscan, duplicate: () => subscriber },
    setAway: (is: boolean) => void (isAway = is),
  }
}

it('while Redis is away and the policy is to refuse, a request that stays ends after 30 seconds', async () => {
  const { redis, setAway } = someRedis()
  const { ask, ends, lines } = await stage({ jwt, revocation: { redis } }, headers)
  setAway(true)
  await vi.advanceTimersByTimeAsync(30_000)
  expect([await ask(), ends]).toEqual([503, []])
  await vi.advanceTimersByTimeAsync(1_000)
  expect(ends).toEqual(['unavailable'])
  expect(lines).toEqual([
    'auth: the store of revocations is away; tokens are answered 503, and what they opened ends if that lasts 30 seconds',
  ])
})

it('while Redis is away and the policy is to go by what is known, it goes on', async () => {
  const { redis, setAway } = someRedis()
  const { ask, ends, lines } = await stage({ jwt, revocation: { redis, onStoreError: 'open' } }, headers)
  setAway(true)
  await vi.advanceTimersByTimeAsync(600_000)
  expect([await ask(), ends]).toEqual([200, []])
  expect(lines).toEqual(['auth: the store of revocations is away; tokens are judged by what is known'])
})

it('while the store of keys is away, it ends after 30 seconds, and the log speaks of no answer that nobody got', async () => {
  const { key, entry } = createApiKey({ subject: 'billing' })
  let isAway = false
  const find = async () => {
    if (isAway) throw new Error('away')
    return entry
  }
  const { ask, ends, lines } = await stage({ apiKeys: { find, cacheFor: 0 } }, { 'x-api-key': key })
  await vi.advanceTimersByTimeAsync(60_000)
  isAway = true
  await vi.advanceTimersByTimeAsync(30_000)
  expect([await ask(), ends]).toEqual([503, []])
  await vi.advanceTimersByTimeAsync(10_000)
  expect(ends).toEqual(['unavailable'])
  expect(new Set(lines)).toEqual(new Set(['auth: apiKeys.find failed; requests that need it get 503']))
})
