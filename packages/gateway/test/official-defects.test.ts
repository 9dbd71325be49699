import type { AddressInfo } from 'node:net'
import httpProxy from '@fastify/http-proxy'
import { serverOptions } from '@portcullis/kernel'
import Fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { official } from './official.ts'
import { type Backend, rawExchange, send, stage, type Staged, startBackend } from './stage.ts'
import { speak, startRecorder } from './wire.ts'

// What @fastify/http-proxy does and the gateway does not; the rest of the list is in security.test.ts and framing.test.ts.

const portOf = async (app: Awaited<ReturnType<typeof official>>): Promise<number> => {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

const plaintext = (backend: Pick<Backend, 'port'>, match = '/files/*', rewrite = '/store/*'): Promise<Staged> =>
  stage(backend.port, {
    server: serverOptions(),
    upstream: { targets: [`http://user-service.local:${backend.port}`], dangerouslyPlaintext: true },
    routes: [{ match: { method: ['GET', 'POST'], path: match }, upstream: 'user-service', rewrite }],
  })

it.each([
  ['Keep-Alive', 'timeout=5', 200],
  ['Expect', '100-continue', 200],
  ['Expect', 'the-impossible', 417],
  ['TE', 'trailers, deflate;q=0.5', 200],
  ['Proxy-Connection', 'keep-alive', 200],
  ['Proxy-Authorization', 'Basic YTpi', 200],
])('a request with %s: %s is no fault of the server', async (name, value, status) => {
  const backend = await startBackend()
  const theirs = await portOf(await official(backend.port))
  const request = { method: 'POST', headers: { [name]: value, 'content-length': '2', 'content-type': 'text/plain' } }
  const open = await send(theirs, { ...request, path: '/', body: '{}' })
  if (['Keep-Alive', 'Expect'].includes(name) && status === 200) expect(open.status).toBe(500)
  backend.hits.length = 0

  const staged = await stage(backend.port, { server: serverOptions() })
  expect((await send(await staged.listen(), { ...request, body: '{}' })).status).toBe(status)
  expect(backend.hits).toHaveLength(status === 200 ? 1 : 0)
  expect(backend.hits[0]?.headers ?? {}).not.toHaveProperty(name.toLowerCase())
})

it('a service that asks for two seconds is given them', async () => {
  const arrived: number[] = []
  const backend = await startBackend((_request, response) => {
    arrived.push(performance.now())
    response.writeHead(503, { 'retry-after': '2' }).end()
  })
  await (await official(backend.port)).inject('/')
  // Asked again before the second of the two that it named.
  expect(arrived.length).toBeGreaterThan(1)
  expect((arrived[1] as number) - (arrived[0] as number)).toBeLessThan(1_000)
  arrived.length = 0

  const { app } = await stage(backend.port)
  const answer = await app.inject('/users/profile')
  expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '2'])
  expect(arrived).toHaveLength(1)
})

it.each([
  ['proxy-authenticate', 'Basic realm="inside"'],
  ['proxy-connection', 'keep-alive'],
  ['trailer', 'x-checksum'],
  ['te', 'trailers'],
  ['upgrade', 'h2c'],
  ['x-named-by-connection', '1'],
])('the hop-by-hop field %s of an answer goes no further', async (name, value) => {
  const backend = await startBackend((_request, response) => {
    const connection = name.startsWith('x-') ? name : 'close'
    response.writeHead(200, { connection, [name]: value, 'transfer-encoding': 'chunked' }).end('ok')
  })
  expect((await (await official(backend.port)).inject('/')).headers).toHaveProperty(name, value)
  const { app } = await stage(backend.port)
  expect((await app.inject('/users/profile')).headers).not.toHaveProperty(name)
})

describe('a path', () => {
  const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`

  it.each(['%00', 'a%00.txt', '%252e%252e', '%252e%252e%252fadmin', '%252f', '%255c'])(
    'is not forwarded with %s in it',
    async (segment) => {
      const backend = await startBackend(undefined, { tls: false })
      const theirs = Fastify()
      onTestFinished(() => theirs.close())
      await theirs.register(httpProxy, { upstream: `http://127.0.0.1:${backend.port}`, prefix: '/files' })
      expect(await rawExchange(await portOf(theirs as never), request(`/files/${segment}`))).toMatch(/^HTTP\/1\.1 200/)
      expect(backend.hits[0]?.url).toBe(`/${segment}`)

      for (const [match, rewrite] of [
        ['/files/*', '/store/*'],
        ['/files/:name', '/store/:name'],
      ] as const) {
        const staged = await plaintext(backend, match, rewrite)
        expect(await rawExchange(await staged.listen(), request(`/files/${segment}`))).toMatch(/^HTTP\/1\.1 400/)
      }
      expect(backend.hits).toHaveLength(1)
    },
  )

  it.each(['..%2fadmin', 'a%2fb', '%2e%2e', '.%2e', '%2E%2E%2Fadmin', 'a%5cb', '..;'])(
    'is not another one for its parameters: %s',
    async (segment) => {
      const recorder = await startRecorder()
      onTestFinished(() => recorder.close())
      // The parameter of the prefix is decoded into the path of the service.
      const theirs = Fastify()
      onTestFinished(() => theirs.close())
      await theirs.register(httpProxy, {
        upstream: `http://127.0.0.1:${recorder.port}`,
        prefix: '/files/:name',
        rewritePrefix: '/store/:name',
      })
      const seen = (await speak(await portOf(theirs as never), request(`/files/${segment}`))).statuses[0]
      if (seen === 200) expect(recorder.arrivals[0]?.target).not.toBe(`/store/${segment}`)
      recorder.arrivals.length = 0

      const staged = await plaintext(recorder, '/files/:name', '/store/:name')
      expect((await speak(await staged.listen(), request(`/files/${segment}`))).statuses).toEqual([400])
      expect(recorder.arrivals).toEqual([])
    },
  )

  it('is forwarded byte for byte', async () => {
    const recorder = await startRecorder()
    onTestFinished(() => recorder.close())
    const staged = await plaintext(recorder)
    const port = await staged.listen()
    const paths = ["a%20b!$&'()*+,=:@-._~", '%C3%A9', '%c3%a9', '%41', 'a/', '%7Eb', 'a%3Fb%23', '', '%3bx=1', 'a%25']
    for (const path of paths) {
      const { statuses } = await speak(port, request(`/files/${path}?q=%2e%2e/\\%00`))
      expect([path, ...statuses]).toEqual([path, 200])
    }
    expect(recorder.arrivals.map(({ target }) => target)).toEqual(paths.map((path) => `/store/${path}?q=%2e%2e/\\%00`))
  })
})
