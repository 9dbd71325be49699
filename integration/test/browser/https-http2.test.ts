import type { Http2SecureServer, ServerHttp2Stream } from 'node:http2'
import headers from '@portcullis/headers'
import https, { tlsServerOptions } from '@portcullis/https'
import { onSecurityEvent, serverOptions } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { beforeEach, expect, it } from 'vitest'
import { openSites, type Pair } from './sites.ts'

/** Which connections a host was asked for over, what it answered, and what was told. */
const asked: [string, number][] = []
const answered: [string, number][] = []
const raised: string[] = []
let connections = 0
beforeEach(() => {
  for (const list of [asked, answered, raised]) list.length = 0
  connections = 0
})

/** Two names, one address, one certificate: what browsers ask for over one connection. */
function names(app: FastifyInstance): FastifyInstance {
  const server = app.server as unknown as Http2SecureServer
  server.on('session', (session) => {
    const connection = connections++
    session.on('stream', (_stream: ServerHttp2Stream, fields) => asked.push([String(fields[':authority']), connection]))
  })
  app.addHook('onResponse', async ({ host }, { statusCode }) => void answered.push([host, statusCode]))
  app.get('/*', ({ raw }, reply) => reply.type('text/html').send(`<!doctype html><title>${raw.httpVersion}</title>`))
  return app
}

const of = <T>(list: readonly [string, T][], host: string): T[] =>
  list.filter(([one]) => one === host).map(([, value]) => value)

const { visit } = openSites([
  {
    hosts: ['www.shop.test', 'api.shop.test'],
    async app(pair: Pair) {
      const options = serverOptions({ https: tlsServerOptions(pair), http2: true })
      const app = Fastify(options) as unknown as FastifyInstance
      await app.register(headers)
      await app.register(https, { hosts: ['www.shop.test', 'api.shop.test'] })
      onSecurityEvent(app, ({ type }) => raised.push(type))
      return names(app)
    },
  },
  {
    hosts: ['www.bare.test', 'api.bare.test'],
    app: (pair: Pair) => names(Fastify({ http2: true, https: pair }) as unknown as FastifyInstance),
  },
])

it('a browser speaks HTTP/2 to us, and is given the security fields', async () => {
  const page = await visit('https://www.shop.test/')
  const answer = await page.goto('https://www.shop.test/again')
  expect(await page.title()).toBe('2.0')
  expect(answer?.headers()).toMatchObject({
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'x-content-type-options': 'nosniff',
  })
})

it('a browser asks a bare server for another host over the connection of this one', async () => {
  const page = await visit('https://www.bare.test/')
  const [first] = of(asked, 'www.bare.test')
  await page.goto('https://api.bare.test/')
  expect([of(asked, 'api.bare.test')[0], of(answered, 'api.bare.test')[0]]).toEqual([first, 200])
})

it('a browser is answered 421 by us, opens a connection for the other host, and shows its page', async () => {
  const page = await visit('https://www.shop.test/')
  const [first] = of(asked, 'www.shop.test')
  const answer = await page.goto('https://api.shop.test/')
  expect([answer?.status(), await page.title()]).toEqual([200, '2.0'])
  const [refused, repeated] = of(asked, 'api.shop.test')
  expect([refused === first, repeated === first]).toEqual([true, false])
  expect([of(answered, 'api.shop.test').slice(0, 2), raised[0]]).toEqual([[421, 200], 'https.misdirected'])
})
