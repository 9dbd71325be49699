import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { defineRoom, describeSecurity, type Mistake, type ObjectSchema, type PrefixOptions } from '../src/index.ts'

interface Level {
  level?: string
}
interface Options extends Level, PrefixOptions<Level> {}

const level = { type: 'string', enum: ['low', 'high'], description: 'How high.' } as const
const schema: ObjectSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    level: { ...level, default: 'high' },
  },
}
const room = defineRoom<Options, Level>({
  concern: 'waf',
  optionsSchema: schema,
  routeSchema: {
    type: 'object',
    additionalProperties: false,
    properties: { level: { ...level, examples: ['low'] } },
  },
  policiesByPrefix: true,
  async setup() {
    return { compile: () => ({}) }
  },
})

async function levels(routes: Options['routes'], urls: Readonly<Record<string, Level | false | undefined>>) {
  const app = Fastify()
  for (const [url, own] of Object.entries(urls))
    app.get(url, own === undefined ? {} : { config: { security: { waf: own } as never } }, async () => '')
  // After the routes: their order and the room's do not matter.
  await app.register(room, { routes: routes ?? [] })
  await app.ready()
  const described = describeSecurity(app).filter(({ method }) => method === 'GET')
  return Object.fromEntries(
    described.map(({ url, policies }) => [url, (policies['waf'] as Level | undefined)?.level ?? 'off']),
  )
}

const mistakesOf = (...given: Parameters<typeof levels>): Promise<readonly Mistake[]> =>
  levels(...given).then(
    () => [],
    (error: { mistakes: readonly Mistake[] }) => error.mistakes,
  )

describe('a policy by prefix', () => {
  it('holds for routes that write none, in whole path segments, the longest prefix first', async () => {
    const routes = [
      { prefix: '/docs', policy: false as const },
      { prefix: '/docs/private/', policy: { level: 'low' } },
    ]
    const urls = { '/docs': undefined, '/docs/json': undefined, '/docs/private/a': undefined, '/docsets': undefined }
    expect(await levels(routes, urls)).toEqual({
      '/docs': 'off',
      '/docs/json': 'off',
      '/docs/private/a': 'low',
      '/docsets': 'high',
    })
  })

  it('gives way to what a route writes itself', async () => {
    const routes = [{ prefix: '/docs', policy: false as const }]
    expect(await levels(routes, { '/docs': undefined, '/docs/a': { level: 'high' } })).toEqual({
      '/docs': 'off',
      '/docs/a': 'high',
    })
  })

  it('that no route has is a mistake, with the prefix that was meant', async () => {
    const routes = [
      { prefix: '/dosc', policy: false as const },
      { prefix: '/elsewhere', policy: false as const },
    ]
    const mistakes = await mistakesOf(routes, { '/docs/json': undefined, '/users': undefined })
    expect(mistakes.map(({ path, rule, fix }) => [path, rule, fix])).toEqual([
      ['routes[1].prefix', 'prefix-without-route', [{ op: 'remove', path: '/routes/1' }]],
      ['routes[0].prefix', 'prefix-without-route', [{ op: 'replace', path: '/routes/0/prefix', value: '/docs' }]],
    ])
  })

  it('that is mistaken is told once, where it stands', async () => {
    const mistakes = await mistakesOf([{ prefix: '/docs', policy: { level: 'hihg' } }], { '/docs': undefined })
    expect(mistakes).toMatchObject([{ path: 'routes[0].policy.level', rule: 'enum' }])
  })

  it('that says nothing, or stands twice, is a mistake with its fix', async () => {
    const routes = [
      { prefix: '/docs', policy: true as never },
      { prefix: '/docs/', policy: false as const },
    ]
    const mistakes = await mistakesOf(routes, { '/docs': undefined })
    expect(mistakes.map(({ path, rule, fix }) => [path, rule, fix])).toEqual([
      ['routes[0].policy', 'type', [{ op: 'replace', path: '/routes/0/policy', value: {} }]],
      ['routes[1].prefix', 'repeated-prefix', [{ op: 'remove', path: '/routes/1' }]],
    ])
  })
})
