import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { configFor, start, startService, writeConfig } from './stage.ts'

// With the defaults of the file; each form by itself is in the tests of @portcullis/gateway.

async function open() {
  const received: IncomingMessage[] = []
  const service = await startService((request, response) => {
    received.push(request)
    response.setHeader('server', 'inside/1').end('ok')
  })
  const config = configFor(service.port, { path: '/files/*', rewrite: '/store/*' })
  const { file } = writeConfig(config.replace('match: {', 'match: { method: [GET, POST],'))
  const { ports } = await start(file)
  const say = async (bytes: string): Promise<string> => {
    const socket = connect(ports.public, '127.0.0.1')
    let heard = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => (heard += String(chunk)))
    socket.write(Buffer.from(bytes, 'latin1'))
    await once(socket, 'close')
    return heard
  }
  return { say, received, asked: service.asked }
}

const get = (path: string, fields = ''): string =>
  `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n`
const post = (fields: string, body: string): string => `POST /files/a HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`

it('nothing arrives of what two readers may read in two ways', async () => {
  const { say, asked } = await open()
  const hidden = 'GET /files/admin HTTP/1.1\r\nHost: a\r\n\r\n'
  for (const bytes of [
    post(`Content-Length: ${hidden.length + 5}\r\nTransfer-Encoding: chunked\r\n`, `0\r\n\r\n${hidden}`),
    post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${hidden}`),
    post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${hidden}`),
    post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello'),
    post('X: a\r\n b\r\n', ''),
    'GET /files/a HTTP/1.1\nHost: a\n\n',
    'GET /files/a HTTP/2.0\r\nHost: a\r\n\r\n',
    'GET http://b/files/a HTTP/1.1\r\nHost: a\r\n\r\n',
    get('/files/a', 'Host: b\r\n'),
    ...['%00', '%252e', '..%2fadmin', '%2e%2e', 'a%2fb', 'a;b', 'a//b', '..%5cadmin', '%25%32%65'].map((path) =>
      get(`/files/${path}`),
    ),
  ]) {
    expect([bytes, await say(bytes)]).toEqual([bytes, expect.stringMatching(/^HTTP\/1\.1 400 /)])
  }
  expect(asked).toEqual([])
})

it('a client says nothing in the name of the gateway, and a service nothing of the inside', async () => {
  const { say, received } = await open()
  const fields = [
    'X-User-Id',
    'X_User_Id',
    'X-Forwarded-For',
    'Forwarded',
    'Cookie',
    'Proxy-Authorization',
    'TE',
    'Keep-Alive',
  ]
  const heard = await say(get('/files/a%2Cb,c', fields.map((name) => `${name}: forged\r\n`).join('')))
  expect(heard).toMatch(/^HTTP\/1\.1 200 /)
  expect(heard.toLowerCase()).not.toContain('inside')
  expect(JSON.stringify(received.map(({ rawHeaders }) => rawHeaders))).not.toContain('forged')
  expect(received[0]?.url).toBe('/store/a%2Cb,c')
  expect(received[0]?.headers).toMatchObject({
    authorization: expect.stringMatching(/^Bearer /),
    traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/),
    'x-forwarded-for': '127.0.0.1',
  })
})

it('a refused client is not asked for its body', async () => {
  const { say, asked } = await open()
  const heard = await say(post('Expect: 100-continue\r\nContent-Length: 2000000\r\n', ''))
  expect(heard).toMatch(/^HTTP\/1\.1 413 /)
  expect(heard).not.toContain('100 Continue')
  expect(asked).toEqual([])
})
