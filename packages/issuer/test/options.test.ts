import type { Mistake } from '@portcullis/kernel'
import { patched } from '@portcullis/testing/patch'
import Fastify from 'fastify'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import issuer, { type IssuerOptions, postgresStore } from '../src/index.ts'
import { mistakes } from './configurations.ts'
import { smallest } from './stage.ts'

type Json = Record<string, unknown>

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
