import { expect, it } from 'vitest'
import { send, stage, startBackend } from './stage.ts'

const BODY = 'abcdefghij'

it.each([
  [{ range: 'bytes=2-4' }, 206, 'cde', { 'content-range': 'bytes 2-4/10', 'content-length': '3' }],
  [{ range: 'bytes=2-4', 'if-range': '"other"' }, 200, BODY, { 'content-length': '10' }],
  [{ range: 'bytes=20-' }, 416, '', { 'content-range': 'bytes */10' }],
  [{ 'if-none-match': '"etag"' }, 304, '', { etag: '"etag"' }],
] as const)('a request with %j is answered %i', async (headers, status, body, fields) => {
  const backend = await startBackend(({ headers: asked }, response) => {
    response.setHeader('etag', '"etag"')
    response.setHeader('accept-ranges', 'bytes')
    if (asked['if-none-match'] === '"etag"') return void response.writeHead(304).end()
    const range = /^bytes=(\d+)-(\d*)$/.exec(asked.range ?? '')
    if (range === null || (asked['if-range'] ?? '"etag"') !== '"etag"') {
      return void response.writeHead(200, { 'content-length': BODY.length }).end(BODY)
    }
    const [from, to] = [Number(range[1]), Number(range[2] === '' ? BODY.length - 1 : range[2])]
    if (from >= BODY.length) return void response.writeHead(416, { 'content-range': 'bytes */10' }).end()
    const part = BODY.slice(from, to + 1)
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/10`, 'content-length': part.length }).end(part)
  })
  const staged = await stage(backend.port)
  const answer = await send(await staged.listen(), { headers })
  expect(answer).toMatchObject({ status, whole: true, headers: { ...fields, etag: '"etag"' } })
  expect(String(answer.body)).toBe(body)
})
