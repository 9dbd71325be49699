import { createConnection, type AddressInfo } from 'node:net'
import auth, { createSession } from '@portcullis/auth'
import csrf from '@portcullis/csrf'
import security, { serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, it } from 'vitest'
import { admitted, apiKey, origin, securedApp } from './secured-app.ts'

const apps: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()))
})

it('lets a page of an admitted origin read every challenge, and a foreign one nothing', async () => {
  const app = securedApp()
  apps.push(app)
  app.get('/orders', admitted, async () => [])
  const scoped = { config: { security: { auth: { scopes: ['other' as never] } } } }
  app.get('/scoped', scoped, async () => [])
  const read = async (url: string, from: string, headers: Record<string, string> = {}) => {
    const answer = await app.inject({ url, headers: { origin: from, ...headers } })
    const { 'access-control-allow-origin': allowed, 'access-control-expose-headers': exposed } = answer.headers
    return [answer.statusCode, allowed, exposed, answer.headers['cache-control']]
  }
  const key = { 'x-api-key': apiKey }
  expect(await read('/orders', origin)).toEqual([401, origin, 'WWW-Authenticate', 'no-store'])
  expect(await read('/scoped', origin, key)).toEqual([403, origin, 'WWW-Authenticate', 'no-store'])
  expect((await read('/orders', origin, key)).slice(0, 3)).toEqual([200, origin, undefined])
  expect(await read('/orders', 'https://evil.example')).toEqual([401, undefined, undefined, 'no-store'])
})

it('reads a session byte for byte off the wire: one cookie of that name, in one field or in several', async () => {
  const { hash, setCookie } = createSession()
  const [cookie = ''] = setCookie.split(';')
  const app = Fastify(serverOptions())
  apps.push(app)
  await app.register(security, {})
  await app.register(csrf, { origins: [origin] })
  const find = (asked: string) => (asked === hash ? { subject: 'alice', expires: 4_000_000_000 } : null)
  await app.register(auth, { session: { find } })
  app.get('/', admitted, async () => 'ok')
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const statusOf = (lines: string): Promise<number> =>
    new Promise((resolve, reject) => {
      let answer = ''
      createConnection(port, '127.0.0.1')
        .on('error', reject)
        .on('data', (chunk) => (answer += chunk.toString('latin1')))
        .on('close', () => resolve(Number(answer.slice(9, 12))))
        .end(Buffer.from(`GET / HTTP/1.1\r\nHost: x\r\n${lines}Connection: close\r\n\r\n`, 'latin1'))
    })
  const wire: [string, number][] = [
    [`Cookie: ${cookie}\r\n`, 200],
    [`cookie: a=1; ${cookie}\r\n`, 200],
    [`Cookie: a=1\r\nCookie: ${cookie}\r\n`, 200],
    [`Cookie: a=1;${cookie}\t\r\n`, 200],
    [`Cookie: ${cookie}\r\nCookie: ${cookie}\r\n`, 401],
    [`Cookie: ${cookie}; __Host-session=\r\n`, 401],
    [`Cookie: __Host-session\r\nCookie: ${cookie}x\r\n`, 401],
    [`Cookie: x="; ${cookie}"\r\n`, 401],
    [`Cookie: a=${cookie}\r\n`, 401],
    [`Cookie: ${cookie},b=2\r\n`, 401],
    [`Cookie:\xa0${cookie}\r\n`, 401],
    [`Cookie2: ${cookie}\r\n`, 401],
    [`X-Cookie: ${cookie}\r\n`, 401],
  ]
  const seen = []
  for (const [lines] of wire) seen.push([lines, await statusOf(lines)])
  expect(seen).toEqual(wire)
})
