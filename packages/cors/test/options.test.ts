import Fastify from 'fastify'
import { compileOptions, type Mistake, type RoomPlugin } from '@portcullis/kernel'
import { mended } from '@portcullis/testing/patch'
import { describe, expect, it } from 'vitest'
import cors, { type CorsOptions } from '@portcullis/cors'
import { check } from '../src/rules.ts'
import { bad, good } from './configurations.ts'

const app = 'https://app.example.com'
const { optionsSchema } = Reflect.get(cors, Symbol.for('portcullis.room')) as RoomPlugin
const inspect = compileOptions<CorsOptions>(optionsSchema, check)

describe('a mistake in the options', () => {
  it('is one of more than sixty kinds', () => {
    const kinds = new Set(bad.map(([, path, rule]) => `${path.replaceAll(/\d+/g, '')} ${rule}`))
    expect(kinds.size).toBeGreaterThanOrEqual(60)
  })

  it.each(bad)('in %j is found at %s, breaks %s and is mended by its patch', async (given, path, rule, meant) => {
    const { mistakes } = inspect(given)
    expect(mistakes.map((mistake) => [mistake.path, mistake.rule])).toContainEqual([path, rule])
    for (const { message } of mistakes) expect(message).toMatch(/write|remove|mean|name/)
    const fixed = mended(given, mistakes)
    expect(inspect(fixed).mistakes).toEqual([])
    expect(fixed).toMatchObject(meant)
    const server = Fastify()
    await server.register(cors, fixed as CorsOptions)
    await server.close()
  })

  it('stands beside all the others in one error', async () => {
    const server = Fastify()
    const given = {
      origins: [`${app}/`, 'null', 'http://b.example.com', app],
      credentials: true,
      maxAge: 60,
      methods: ['get'],
    }
    const error = await server.register(cors, given).then(
      () => null,
      (failure: unknown) => failure as Error & { mistakes: Mistake[] },
    )
    expect(error).toMatchObject({ code: 'PTC_OPTIONS_INVALID' })
    expect(error?.mistakes.map(({ path, rule }) => `${path} ${rule}`)).toEqual([
      'origins[2] insecure-with-credentials',
      'methods[0] method-case',
      'origins[1] origin-null',
      'origins[0] origin-trailing-slash',
    ])
    expect(error?.message).toContain('https://b.example.com')
    const fixed = mended(given, error?.mistakes ?? [])
    expect(fixed).toMatchObject({ origins: ['https://b.example.com', app], methods: ['GET'] })
  })

  it('on a route fails the boot and names the route', async () => {
    const server = Fastify()
    await server.register(cors, { origins: [app], credentials: true })
    server.get('/open', { config: { security: { cors: { origins: ['*'] } } } }, async () => '')
    await expect(server.ready()).rejects.toThrow(/GET \/open cors\.credentials\s+needs exact origins/)
  })
})

describe('good options', () => {
  it.each(good)('%j are accepted', (given) => {
    expect(inspect(given).mistakes).toEqual([])
  })

  it('are completed by the defaults, and frozen', () => {
    const { options } = inspect({ origins: [app] })
    expect(options).toEqual({
      origins: [app],
      credentials: false,
      requestHeaders: ['Content-Type', 'Authorization'],
      exposedHeaders: [],
      debug: false,
      enabled: true,
      reportOnly: false,
      lookup: { deadlineMs: 1000, ttl: 60, maxEntries: 10_000, maxPending: 100 },
    })
    expect(Object.isFrozen(options?.origins)).toBe(true)
  })
})
