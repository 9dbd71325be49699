import multipart from '@fastify/multipart'
import { expect, it } from 'vitest'
import { acceptFile, fileTypeOf, multipartLimits } from '../src/index.ts'
import { bare, guarded } from './apps.ts'

const png = Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.alloc(3000, 'x')])

it.each([
  ['89504e470d0a1a0a', 'image/png'],
  ['ffd8ffe000104a464946', 'image/jpeg'],
  [Buffer.from('GIF89a').toString('hex'), 'image/gif'],
  [Buffer.from('RIFF\n\n..WEBPVP8 ', 'latin1').toString('hex'), 'image/webp'],
  [Buffer.from('%PDF-1.7').toString('hex'), 'application/pdf'],
  ['504b0304', 'application/zip'],
  ['1f8b08', 'application/gzip'],
  [Buffer.from('<svg onload=alert(1)>').toString('hex'), null],
  [Buffer.from('MZ').toString('hex'), null],
  ['', null],
])('tells %s for %s', (hex, type) => {
  expect(fileTypeOf(Buffer.from(hex, 'hex'))).toBe(type)
})

async function upload(body: Buffer, name = 'cat.png', type = 'image/png', how: 'whole' | 'stream' = 'whole') {
  const app = await guarded({ mediaTypes: ['multipart/form-data'] })
  await app.register(multipart, multipartLimits({ fileSize: 10_000 }))
  const config = { security: { validation: { dangerouslyAdmitUndeclared: ['body' as const] } } }
  app.post('/', { config }, async (request) => {
    const part = await request.file()
    if (part === undefined) return { none: true }
    const found = await acceptFile(part, ['image/png', 'image/jpeg'])
    if (how === 'stream') {
      let bytes = 0
      for await (const chunk of part.file as AsyncIterable<Buffer>) bytes += chunk.length
      return { found, bytes }
    }
    return { found, bytes: (await part.toBuffer()).length }
  })
  const head = `--x\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\nContent-Type: ${type}\r\n\r\n`
  const payload = Buffer.concat([Buffer.from(head), body, Buffer.from('\r\n--x--\r\n')])
  return app.inject({
    method: 'POST',
    url: '/',
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    payload,
  })
}

it('accepts a file by its content, whatever it is called, and leaves it whole', async () => {
  expect((await upload(png, 'cat.txt', 'text/plain')).json()).toEqual({ found: 'image/png', bytes: png.length })
})

it.each([
  ['a page that poses as an image', Buffer.from('<script>alert(1)</script>'.repeat(100))],
  ['a file of another type', Buffer.from('%PDF-1.7 …')],
  ['two bytes', Buffer.from('MZ')],
  ['no more than the beginning of an image', png.subarray(0, 8)],
  ['nothing', Buffer.alloc(0)],
])('refuses %s with 415', async (_name, body) => {
  const answer = await upload(body)
  expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([415, 'PTC_VALIDATION_FILE_TYPE'])
})

it.each(['whole', 'stream'] as const)('bounds files that are read %s', async (how) => {
  const read = (size: number) => upload(Buffer.concat([png, Buffer.alloc(size)]), 'cat.png', 'image/png', how)
  expect((await read(1000)).json()).toEqual({ found: 'image/png', bytes: png.length + 1000 })
  // The limit is passed in the first piece that is read, and long after it.
  for (const size of [20_000, 500_000]) expect((await read(size)).statusCode).toBe(413)
})

it.each([
  ['no boundary', 'multipart/form-data', 415],
  ['a boundary that is too long', `multipart/form-data; boundary=${'x'.repeat(71)}`, 415],
  ['a boundary that never comes', 'multipart/form-data; boundary=y', 400],
])('answers a form with %s, for which a bare Fastify is to blame', async (_name, type, status) => {
  const send = async (app: Awaited<ReturnType<typeof guarded>>) => {
    await app.register(multipart)
    app.post('/', async (request) => ({ file: (await request.file())?.filename }))
    return app.inject({ method: 'POST', url: '/', headers: { 'content-type': type }, payload: '--x\r\n\r\nx\r\n--x--' })
  }
  expect((await send(bare())).statusCode).toBe(500)
  expect(
    (await send(await guarded({ mediaTypes: ['multipart/form-data'], dangerouslyAdmitUndeclared: ['body'] })))
      .statusCode,
  ).toBe(status)
})
