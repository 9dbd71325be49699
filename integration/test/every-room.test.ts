import { randomBytes } from 'node:crypto'
import audit from '@portcullis/audit'
import auth from '@portcullis/auth'
import cors from '@portcullis/cors'
import csrf from '@portcullis/csrf'
import gateway from '@portcullis/gateway'
import headers from '@portcullis/headers'
import https from '@portcullis/https'
import issuer from '@portcullis/issuer'
import rateLimit from '@portcullis/rate-limit'
import sql from '@portcullis/sql'
import throttle from '@portcullis/throttle'
import validation from '@portcullis/validation'
import xss from '@portcullis/xss'
import { rooms } from '../../packages/security/src/rooms.ts'
import Fastify, { type FastifyInstance, type FastifyPluginAsync, type InjectOptions } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { fullHouse } from './configurations.ts'
import { apiKey, houseOptions } from './secured-app.ts'

/** One room by itself, and an attack that only it stops. */
interface Case {
  readonly room: FastifyPluginAsync<never>
  readonly options: object
  /** An option that somebody misspelt. */
  readonly misspelt: string
  readonly attack?: InjectOptions
  /** How often the attack is sent; the last answer counts. */
  readonly times?: number
  readonly stopped?: (answer: { statusCode: number; headers: object; body: string }) => boolean
}

const status = (code: number) => (answer: { statusCode: number }) => answer.statusCode === code
const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', cookie: '__Host-session=abc' }
const body = { headers: { 'content-type': 'application/json' }, method: 'POST', payload: '{"undeclared":1}' } as const

const cases: Readonly<Record<string, Case>> = {
  audit: { room: audit, options: {}, misspelt: 'acess' },
  auth: {
    room: auth,
    options: houseOptions.auth as object,
    misspelt: 'apiKesy',
    attack: { headers: { 'x-api-key': `${apiKey}x` } },
    stopped: status(401),
  },
  cors: {
    room: cors,
    options: { origins: ['https://app.example.com'], refuseForeignOrigins: true },
    misspelt: 'credentails',
    attack: { headers: foreign },
    stopped: status(403),
  },
  csrf: {
    room: csrf,
    options: { origins: ['https://app.example.com'], secrets: [randomBytes(32)] },
    misspelt: 'jsonOlny',
    attack: { method: 'POST', headers: foreign },
    stopped: status(403),
  },
  gateway: { room: gateway, options: fullHouse().gateway, misspelt: 'upstreems' },
  headers: {
    room: headers,
    options: {},
    misspelt: 'profiel',
    attack: {},
    stopped: ({ headers: fields }) => 'x-content-type-options' in fields,
  },
  https: {
    room: https,
    options: { hosts: ['api.example.com'] },
    misspelt: 'hostss',
    attack: { headers: { authorization: 'Bearer secret' } },
    stopped: status(403),
  },
  issuer: {
    room: issuer,
    options: { issuer: 'https://id.example.com', audience: 'https://api.example.com' },
    misspelt: 'audeince',
  },
  rateLimit: {
    room: rateLimit,
    options: { policies: [{ name: 'q', limit: 1, window: 60 }] },
    misspelt: 'polices',
    attack: {},
    times: 2,
    stopped: status(429),
  },
  sql: { room: sql, options: fullHouse().sql, misspelt: 'rigths' },
  throttle: {
    room: throttle,
    options: { rate: { limit: 1, window: 60 }, queue: { waitMs: 1 } },
    misspelt: 'concurency',
    attack: {},
    times: 2,
    stopped: status(429),
  },
  validation: {
    room: validation,
    options: {},
    misspelt: 'strcit',
    attack: body,
    stopped: status(400),
  },
  xss: {
    room: xss,
    options: {},
    misspelt: 'rihcText',
    attack: { query: { html: '1' } },
    stopped: status(500),
  },
}

const apps: FastifyInstance[] = []
afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())))

const appWith = (): FastifyInstance => {
  // https wants to be told who terminates TLS.
  const app = Fastify({ trustProxy: 'loopback' })
  apps.push(app)
  return app
}

/** A route that answers whatever it is asked, as HTML if it is asked to. */
function serve(app: FastifyInstance, url: string, concern: string): void {
  app.route({
    method: ['GET', 'POST'],
    url,
    ...(concern === 'auth' && { config: { security: { auth: {} } } }),
    handler: (request, reply) => {
      if ('html' in (request.query as object)) reply.type('text/html')
      return reply.send('<b>ok</b>')
    },
  })
}

async function isStopped(app: FastifyInstance, url: string, { attack, times = 1, stopped }: Case): Promise<boolean> {
  let held = false
  for (let i = 0; i < times; i++) held = stopped?.(await app.inject({ url, ...attack })) ?? false
  return held
}

it('every room that security installs is here', () => {
  expect(Object.keys(cases).toSorted()).toEqual(Object.keys(rooms).toSorted())
})

const entries = Object.entries(cases)

describe.each(entries.filter(([, { attack }]) => attack))('%s by itself', (concern, one) => {
  const { room, options } = one

  it('stops its attack, which passes without it', async () => {
    const [bare, guarded] = [appWith(), appWith()]
    await guarded.register(room, options as never)
    serve(guarded, '/', concern)
    // Bare Fastify has no place for the policy.
    serve(bare, '/', 'bare')
    expect([await isStopped(bare, '/', one), await isStopped(guarded, '/', one)]).toEqual([false, true])
  })

  it('guards the scope that registered it, whatever was declared first, and nothing beside it', async () => {
    const app = appWith()
    serve(app, '/outside', 'bare')
    await app.register(async (scope) => {
      serve(scope, '/inside', concern)
      await scope.register(room, options as never)
    })
    expect([await isStopped(app, '/inside', one), await isStopped(app, '/outside', one)]).toEqual([true, false])
  })

  it('guards an inner scope by the inner registration where it stands in both', async () => {
    const app = appWith()
    await app.register(room, options as never)
    await app.register(async (scope) => {
      await scope.register(room, { ...options, enabled: false } as never)
      serve(scope, '/inside', 'bare')
    })
    serve(app, '/outside', concern)
    expect([await isStopped(app, '/inside', one), await isStopped(app, '/outside', one)]).toEqual([false, true])
  })
})

describe.each(entries)('%s by itself', (_concern, { room, options, misspelt }) => {
  it('refuses to stand twice in one scope, and the app does not start without it', async () => {
    const app = appWith()
    await app.register(room, { ...options, enabled: false } as never)
    await expect(app.register(room, { ...options, enabled: false } as never)).rejects.toMatchObject({
      code: 'PTC_ROOM_DUPLICATE',
    })
    await expect(app.ready()).rejects.toMatchObject({ code: 'PTC_ROOM_DUPLICATE' })
  })

  it('refuses a misspelt option, and says which was meant', async () => {
    const refused = appWith().register(room, { ...options, [misspelt]: 1 } as never)
    await expect(refused).rejects.toThrow(new RegExp(`${misspelt}\\s+is not an option; did you mean \`\\w+\``))
  })
})
