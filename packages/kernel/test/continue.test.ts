import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { errors, marking } from './rooms.ts'

const open: FastifyInstance[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

async function listening(room: boolean, http2 = false): Promise<number> {
  const app = Fastify(http2 ? ({ http2: true } as never) : {})
  if (room) {
    await app.register(
      marking('auth', () => ({
        onRequest: ({ url }) => (url.startsWith('/refused') ? errors.PTC_TEST_REFUSED : undefined),
      })),
    )
  } else {
    app.addHook('onRequest', async ({ url }, reply) =>
      url.startsWith('/refused') ? reply.code(401).send('no') : undefined,
    )
  }
  app.post('/taken', async ({ body }) => body)
  app.post('/refused', async () => 'never')
  app.get('/taken', async () => 'got')
  await app.listen({ port: 0, host: '127.0.0.1' })
  open.push(app)
  return (app.server.address() as AddressInfo).port
}

const ask = (path: string, more = 'Content-Length: 5\r\n', method = 'POST'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\n${more}\r\n`

/** Says something, and what follows once it was asked to go on; reads to the end. */
async function converse(port: number, request: string, rest: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let heard = ''
  let waiting = true
  socket.on('data', (chunk) => {
    heard += String(chunk)
    if (waiting && heard.startsWith('HTTP/1.1 100 Continue\r\n\r\n')) {
      waiting = false
      socket.write(rest)
    }
  })
  socket.write(request)
  await once(socket, 'close')
  return heard
}
const statuses = (heard: string): string[] => [...heard.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((one) => one[1] as string)
const last = 'GET /taken HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

describe('a client that waits to be asked for its body', () => {
  it('is not asked where it is refused, and the connection ends', async () => {
    expect(statuses(await converse(await listening(false), ask('/refused'), `hello${last}`))).toEqual([
      '100',
      '401',
      '200',
    ])
    const heard = await converse(await listening(true), ask('/refused'), 'hello')
    expect(statuses(heard)).toEqual(['401'])
    expect(heard.toLowerCase()).toContain('connection: close')
  })

  it('is asked where it is not, and the connection goes on', async () => {
    for (const [fields, body] of [
      ['Content-Length: 5\r\n', 'hello'],
      ['Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
    ] as const) {
      const heard = await converse(await listening(true), ask('/taken', fields), body + last)
      expect(statuses(heard)).toEqual(['100', '200', '200'])
      expect(heard).toContain('\r\n\r\nhello')
    }
  })

  it('need not wait', async () => {
    const heard = await converse(await listening(true), `${ask('/taken')}hello${last}`, '')
    expect(statuses(heard)).toEqual(['100', '200', '200'])
  })

  it('may go on where it has none', async () => {
    const heard = await converse(await listening(true), ask('/taken', '', 'GET') + last, '')
    expect(statuses(heard)).toEqual(['100', '200', '200'])
  })

  it.each([
    ['/taken', true, 200],
    ['/refused', false, 401],
  ])('is asked over HTTP/2 for %s: %s', async (path, asked, status) => {
    const session = connectHttp2(`http://127.0.0.1:${await listening(true, true)}`)
    const stream = session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'text/plain', expect: '100-continue' },
      { endStream: false },
    )
    let continued = false
    stream.on('continue', () => {
      continued = true
      stream.end('hello')
    })
    const [fields] = (await once(stream, 'response')) as [Record<string, unknown>]
    stream.resume()
    if (!asked) stream.close()
    await once(stream, 'close')
    expect([fields[':status'], continued]).toEqual([status, asked])
    session.destroy()
  })
})
