import type { Mistake } from '@portcullis/kernel'
import Fastify from 'fastify'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import issuer, { type IssuerOptions, memoryStore, postgresStore } from '../src/index.ts'
import { smallest } from './stage.ts'

type Json = Record<string, unknown>

/** Applies a JSON Patch (RFC 6902) to a copy; values pass by reference. */
function patched(options: Json, fix: Mistake['fix']): Json {
  const copy = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
      ? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, copy(member)]))
      : value
  const result = copy(options) as Json
  const place = (pointer: string): [Json, string] => {
    const keys = pointer.split('/').slice(1)
    const last = keys.pop() ?? ''
    return [keys.reduce((at, key) => at[key] as Json, result), last]
  }
  for (const operation of fix) {
    const [at, key] = place(operation.path)
    if (operation.op === 'remove') {
      delete at[key]
      continue
    }
    if (operation.op === 'move') {
      const [from, name] = place(operation.from)
      at[key] = from[name]
      delete from[name]
    } else at[key] = operation.value
  }
  return result
}

async function boot(options: Json): Promise<readonly Mistake[]> {
  const app = Fastify()
  try {
    await app.register(issuer, options as unknown as IssuerOptions)
    await app.ready()
    return []
  } catch (error) {
    const { mistakes } = error as { mistakes?: readonly Mistake[] }
    if (mistakes === undefined) throw error
    return mistakes
  } finally {
    await app.close().catch(() => {})
  }
}

const cheap = { memoryKiB: 8, passes: 1, dangerouslyCheapHashes: true }
const durable = { ...memoryStore(), durable: true }

const mistakes: readonly (readonly [rule: string, path: string, options: Json])[] = [
  ['required', 'issuer', {}],
  ['pattern', 'issuer', { ...smallest, issuer: 'http://id.example.com' }],
  ['pattern', 'issuer', { ...smallest, issuer: 'https://id.example.com?tenant=1' }],
  ['pattern', 'issuer', { ...smallest, issuer: 'id.example.com' }],
  ['required', 'audience', { issuer: smallest.issuer }],
  ['minLength', 'audience', { ...smallest, audience: '' }],
  ['type', 'audience', { ...smallest, audience: ['a'] }],
  ['additionalProperties', 'audiance', { issuer: smallest.issuer, audiance: 'https://api.example.com' }],
  ['minLength', 'clientId', { ...smallest, clientId: '' }],
  ['type', 'accessTokenLifetime', { ...smallest, accessTokenLifetime: '5m' }],
  ['maximum', 'accessTokenLifetime', { ...smallest, accessTokenLifetime: 86_400 }],
  ['minimum', 'accessTokenLifetime', { ...smallest, accessTokenLifetime: 0 }],
  ['type', 'refreshToken.idle', { ...smallest, refreshToken: { idle: 1.5 } }],
  ['idle-beyond-absolute', 'refreshToken.idle', { ...smallest, refreshToken: { idle: 2000, absolute: 1000 } }],
  ['maximum', 'refreshToken.grace', { ...smallest, refreshToken: { grace: 3600 } }],
  ['additionalProperties', 'refreshToken.lifetime', { ...smallest, refreshToken: { lifetime: 3600 } }],
  ['minimum', 'maxSessions', { ...smallest, maxSessions: 0 }],
  ['enum', 'keys.algorithm', { ...smallest, keys: { algorithm: 'HS256' } }],
  ['enum', 'keys.algorithm', { ...smallest, keys: { algorithm: 'none' } }],
  ['minimum', 'keys.rotateAfter', { ...smallest, keys: { rotateAfter: 1 } }],
  ['published-too-late', 'keys.publishAhead', { ...smallest, keys: { publishAhead: 60 } }],
  ['rotated-too-early', 'keys.rotateAfter', { ...smallest, keys: { rotateAfter: 3600 } }],
  ['pattern', 'jwks.path', { ...smallest, jwks: { path: 'jwks.json' } }],
  ['pattern', 'jwks.path', { ...smallest, jwks: { path: '/:any' } }],
  ['minimum', 'password.minLength', { ...smallest, password: { minLength: 6 } }],
  ['minimum', 'password.maxLength', { ...smallest, password: { maxLength: 20 } }],
  ['additionalProperties', 'password.requireDigit', { ...smallest, password: { requireDigit: true } }],
  ['cheap-hashes', 'password.memoryKiB', { ...smallest, password: { memoryKiB: 4096 } }],
  ['cheap-hashes', 'password.memoryKiB', { ...smallest, password: { passes: 1 } }],
  ['memory-below-lanes', 'password.memoryKiB', { ...smallest, password: { ...cheap, lanes: 2 } }],
  ['minimum', 'password.concurrency', { ...smallest, password: { concurrency: 0 } }],
  ['accepts', 'store', { ...smallest, store: 'memory' }],
  ['store-unusable', 'store', { ...smallest, store: {} }],
  ['secret-missing', 'secret', { ...smallest, store: durable }],
  ['secret-weak', 'secret', { ...smallest, secret: 'short' }],
  ['secret-weak', 'secret', { ...smallest, secret: 'a'.repeat(64) }],
  ['secret-weak', 'secret', { ...smallest, secret: Buffer.alloc(32) }],
  ['accepts', 'account', { ...smallest, account: 'users' }],
  ['accepts', 'revoke.token', { ...smallest, revoke: { token: true } }],
]

describe('a mistake', () => {
  it.each(mistakes)('of %s at %s refuses to boot, and its fix applied boots: case %#', async (rule, path, options) => {
    const found = await boot(options)
    expect(found.map((one) => [one.rule, one.path])).toContainEqual([rule, path])
    let mended = options
    for (let round = 0; round < 3; round++) for (const { fix } of await boot(mended)) mended = patched(mended, fix)
    expect(await boot(mended)).toEqual([])
  })

  it('says nothing of the secret that was given', async () => {
    const app = Fastify()
    const secret = 'hunter2-hunter2-hunter2'
    const refused = await Promise.resolve(app.register(issuer, { ...smallest, secret })).then(
      () => '',
      (error: Error) => error.message,
    )
    await app.close().catch(() => {})
    expect(refused).toContain('secret')
    expect(refused).not.toContain(secret)
  })
})

it('a database without tables refuses to boot, and names what to run', async () => {
  const pool = { query: async () => ({ rows: [] }), connect: () => Promise.reject(new Error('unused')) }
  await expect(
    boot({ ...smallest, store: postgresStore(pool), secret: 'Zq3v8Yt1LmN0pXwR5sKd7uHj2GfB9cEa4iO6' }),
  ).rejects.toMatchObject({
    code: 'PTC_ISSUER_SCHEMA_MISSING',
    message: expect.stringContaining('portcullis_issuer.sessions, portcullis_issuer.refresh_tokens') as string,
  })
})

it('a pool of pg is a pool for the store', () => {
  const pool = new pg.Pool()
  expect(postgresStore(pool).durable).toBe(true)
})
