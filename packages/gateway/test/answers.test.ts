import { createServer, type Socket } from 'node:net'
import { serverOptions } from '@portcullis/kernel'
import { expect, it, onTestFinished } from 'vitest'
import { listen, stage } from './stage.ts'
import { speak } from './wire.ts'

/** A service that answers with bytes of our choice, and what a raw client hears then. */
async function hear(answer: string): Promise<string> {
  const sockets = new Set<Socket>()
  const service = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => socket.end(answer, 'latin1'))
  })
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    service.close()
  })
  const port = await listen(service)
  const staged = await stage(port, {
    server: serverOptions(),
    upstream: { targets: [`http://user-service.local:${port}`], dangerouslyPlaintext: true },
  })
  const { text } = await speak(
    await staged.listen(),
    'GET /users/profile HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  )
  return text
}

const head = (fields: string): string => `HTTP/1.1 200 OK\r\n${fields}\r\nContent-Length: 2\r\n\r\nok`
/** RFC 9112 §5: what a line of fields may be. */
const LINE = /^[\w!#$%&'*+.^`|~-]+: ?[\t\x20-\x7e\x80-\xff]*$/

it.each([
  ['a bare LF before a field', 'X-A: a\nSet-Cookie: injected=1'],
  ['a bare CR before a field', 'X-A: a\rSet-Cookie: injected=1'],
  ['two CRs before a field', 'X-A: a\r\rSet-Cookie: injected=1'],
  ['a NUL in a value', 'X-A: a\0injected'],
  ['a control character in a value', 'X-A: a\x01injected'],
  ['a folded line', 'X-A: a\r\n Set-Cookie: injected=1'],
  ['a space before a colon', 'Set-Cookie : injected=1'],
  ['a name with a space', 'X A: injected'],
  ['a name that is none', ': injected'],
  ['a line that is no field', 'injected'],
  ['a coding and a length', 'Transfer-Encoding: chunked'],
  ['a coding that nobody undoes', 'Transfer-Encoding: injected'],
  ['a length that is none', 'Content-Length: +2'],
  ['lengths that differ', 'Content-Length: 3'],
])('an answer with %s is none', async (_what, fields) => {
  const text = await hear(head(fields))
  expect(text).toMatch(/^HTTP\/1\.1 502 /)
  expect(text).not.toContain('injected')
})

it.each([
  [
    'a second answer behind the first',
    `${head('X-A: a')}HTTP/1.1 200 OK\r\nX-Injected: 1\r\nContent-Length: 0\r\n\r\n`,
  ],
  [
    'an answer in place of trailers',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Injected: 1\r\n\r\n',
  ],
  ['chunk extensions', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;injected\r\nok\r\n0\r\n\r\n'],
  ['bytes beyond ASCII in a value', head('X-A: \xe9\xff')],
  ['a reason that says too much', 'HTTP/1.1 200 injected at 10.0.0.1\r\nContent-Length: 2\r\n\r\nok'],
])('of an answer with %s the client sees one', async (_what, answer) => {
  const text = await hear(answer)
  const [lines = '', ...rest] = text.split('\r\n\r\n')
  const [status, ...fields] = lines.split('\r\n')
  expect(status).toBe('HTTP/1.1 200 OK')
  expect(fields.filter((line) => !LINE.test(line))).toEqual([])
  expect(rest.join('').replaceAll(/\r\n|\b[0-9a-f]+(?=\r\n)|^2|0$/g, '')).toBe('ok')
  expect(text.toLowerCase()).not.toContain('injected')
})

it.each([
  ['JSON', 'application/json', '{"id":101}'],
  ['JSON of UTF-8', 'application/json', '{"name":"Zoë"}'],
  ['JSON of a sort', 'application/hal+json', '{}'],
  ['JSON with a charset', 'application/json; charset=iso-8859-1', '{"name":"Zo\xeb"}'],
  ['text', 'text/plain', 'plain'],
  ['bytes without a type', null, '\x00\x7f\x80\xff'],
  ['text without a type', null, 'plain'],
  ['nothing with a type', 'application/json', ''],
  ['text of a page and more', 'text/plain', 'x'.repeat(5000)],
])('an answer of %s passes byte for byte, under the type that its service gave it', async (_what, type, body) => {
  const bytes = Buffer.from(body, 'latin1')
  const text = await hear(
    `HTTP/1.1 200 OK\r\n${type === null ? '' : `Content-Type: ${type}\r\n`}Content-Length: ${bytes.length}\r\n\r\n${body}`,
  )
  const [fields = '', ...rest] = text.split('\r\n\r\n')
  expect(rest.join('\r\n\r\n')).toBe(body)
  expect(fields).toContain(`content-length: ${bytes.length}`)
  if (type !== null) expect(fields.split('\r\n')).toContain(`content-type: ${type}`)
})
