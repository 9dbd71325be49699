import type { FastifyInstance } from 'fastify'
import { FormData, Response } from 'undici'
import { describe, expect, it } from 'vitest'
import type { GatewayRoute } from '../src/index.ts'
import { byBusboy } from './form-readers.ts'
import { startKeeper } from './keeper.ts'
import { official } from './official.ts'
import { stage, startBackend } from './stage.ts'

const BOUNDARY = '----portcullis-0a1b2c3d4e5f6789'
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`

const address = { type: 'object', additionalProperties: false, properties: { zip: { type: 'integer', maximum: 9 } } }
const binary = { type: 'string', format: 'binary' }
const schema = {
  type: 'object',
  additionalProperties: false,
  required: ['title'],
  properties: {
    title: { type: 'string', maxLength: 3 },
    count: { type: 'integer', maximum: 9 },
    agreed: { type: 'boolean' },
    tags: { type: 'array', maxItems: 2, items: { type: 'string', maxLength: 3 } },
    address,
    addresses: { type: 'array', items: address },
    note: { type: 'string' },
    photo: { ...binary, minLength: 1, maxLength: 4 },
    pages: { type: 'array', maxItems: 2, items: { type: 'string', contentMediaType: 'application/pdf', maxLength: 3 } },
    any: {},
  },
}
const encoding = {
  photo: { contentType: 'image/png, image/jpeg' },
  note: { contentType: 'application/vnd.note+json' },
}

const posting = (content: object): object => ({
  openapi: '3.1.1',
  paths: { '/a': { post: { requestBody: { required: true, content: { 'multipart/form-data': content } } } } },
})
const routes: GatewayRoute[] = [{ match: { method: 'POST', path: '/a' }, upstream: 'user-service' }]

/** A gateway that holds forms to a schema, and the bodies that its service is sent. */
async function keeping(content: object, more: object = {}) {
  const { backend, bodies } = await startKeeper()
  const staged = await stage(backend.port, { routes, options: { openapi: posting(content), ...more } })
  return { ...staged, bodies, backend }
}

const post = (app: FastifyInstance, payload: Buffer | string, type = TYPE) =>
  app.inject({ method: 'POST', url: '/a', payload, headers: { 'content-type': type } })

/** One part. */
const part = (name: string, content: string, more = ''): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${content}\r\n`
const json = '\r\nContent-Type: application/json'
const file = (type: string): string => `; filename="f"\r\nContent-Type: ${type}`
const TITLE = part('title', 'a')
const END = `--${BOUNDARY}--\r\n`

describe('a form with parts', () => {
  it('that matches arrives byte for byte, as browsers write it', async () => {
    const { app, bodies, backend } = await keeping({ schema, encoding })
    const form = new FormData()
    form.set('title', 'ä €')
    form.set('count', '9')
    form.append('tags', 'a')
    form.append('tags', '')
    form.set('address', new Blob(['{"zip":1}'], { type: 'application/json' }))
    form.set('photo', new Blob([Buffer.from('0d0a2dff', 'hex')], { type: 'image/png' }), 'größe.png')
    form.append('pages', new Blob(['%PD'], { type: 'application/pdf' }), 'a.pdf')
    const sent = new Response(form)
    const type = sent.headers.get('content-type') as string
    const bytes = Buffer.from(await sent.arrayBuffer())
    expect((await post(app, bytes, type)).statusCode).toBe(200)
    expect(bodies).toEqual([bytes])
    expect(backend.hits[0]?.headers).toMatchObject({ 'content-type': type, 'content-length': `${bytes.length}` })
  })

  it.each<[string, string]>([
    ['a field', TITLE],
    ['fields of all types', TITLE + part('count', '-3') + part('agreed', 'true')],
    ['a document', TITLE + part('address', '{"zip":1}', json)],
    ['documents in a list', TITLE + part('addresses', '{"zip":1}', json) + part('addresses', '{}', json)],
    ['a document of another type', TITLE + part('note', '"x"', '\r\nContent-Type: application/vnd.note+json')],
    ['a file as large as it may be', TITLE + part('photo', '\xff\r\n\0', file('image/jpeg'))],
    [
      'files in a list',
      TITLE + part('pages', 'a', file('application/pdf')) + part('pages', '', file('application/pdf')),
    ],
    ['a file of any type', TITLE + part('any', 'x', '; filename="f"')],
  ])('passes with %s', async (_what, parts) => {
    const { app, bodies } = await keeping({ schema, encoding })
    const bytes = Buffer.from(parts + END, 'latin1')
    expect((await post(app, bytes)).statusCode).toBe(200)
    expect(bodies).toEqual([bytes])
  })

  it.each<[string, string, string]>([
    ['nothing', '', 'required'],
    ['a part that is not named', TITLE + part('admin', 'true'), 'additionalProperties'],
    ['a prototype', TITLE + part('__proto__', '{}'), 'additionalProperties'],
    ['a field twice', TITLE + TITLE, 'repeated'],
    ['a field that is too long', part('title', 'abcd'), 'maxLength'],
    ['a field that is no UTF-8', part('title', '\xff'), 'malformed'],
    ['a field behind a byte order mark', part('title', '\xef\xbb\xbfa'), 'malformed'],
    ['a field with a file name', part('title', 'a', '; filename="f"'), 'part-kind'],
    ['a field of another type', part('title', 'a', '\r\nContent-Type: text/html'), 'media-type'],
    ['a number in another spelling', TITLE + part('count', '0x1'), 'type'],
    ['a number beyond its bound', TITLE + part('count', '10'), 'maximum'],
    ['more fields than the list holds', TITLE + part('tags', 'a').repeat(3), 'maxItems'],
    ['a document that is none', TITLE + part('address', '{', json), 'malformed'],
    ['a document with a member twice', TITLE + part('address', '{"zip":1,"zip":2}', json), 'duplicate-member'],
    ['a document that does not match', TITLE + part('address', '{"zip":10}', json), 'maximum'],
    ['a document as text', TITLE + part('address', '{"zip":1}'), 'media-type'],
    ['a document as another text', TITLE + part('address', '{}', '\r\nContent-Type: text/json'), 'media-type'],
    ['a list as one document', TITLE + part('addresses', '[{}]', json), 'type'],
    ['a file as a field', TITLE + part('photo', 'a', '\r\nContent-Type: image/png'), 'part-kind'],
    ['a file of another type', TITLE + part('photo', 'a', file('image/svg+xml')), 'media-type'],
    ['a file of no type', TITLE + part('photo', 'a', '; filename="f"'), 'media-type'],
    ['a file twice', TITLE + part('photo', 'a', file('image/png')).repeat(2), 'repeated'],
    ['an empty file', TITLE + part('photo', '', file('image/png')), 'minLength'],
    ['a file of too many bytes', TITLE + part('photo', '12345', file('image/png')), 'maxLength'],
    // Two characters, five bytes.
    ['a file of few characters', TITLE + part('photo', '\xe2\x82\xac\xc3\xa4', file('image/png')), 'maxLength'],
    ['more files than the list holds', TITLE + part('pages', 'a', file('application/pdf')).repeat(3), 'maxItems'],
    ['a boundary that is not its own', TITLE.replace(BOUNDARY, 'x'), 'malformed'],
  ])('is refused with %s', async (_what, parts, rule) => {
    const { app, bodies, events } = await keeping({ schema, encoding })
    const answer = await post(app, Buffer.from(parts + END, 'latin1'))
    expect([answer.statusCode, events]).toMatchObject([400, [{ detail: { part: 'body', rule } }]])
    expect(bodies).toEqual([])
  })

  it('is refused without a boundary on which readers agree', async () => {
    const { app, bodies } = await keeping({ schema })
    for (const type of ['multipart/form-data', `${TYPE}; boundary=x`, `${TYPE}; charset=utf-16`, 'multipart/mixed']) {
      expect([type, (await post(app, TITLE + END, type)).statusCode]).toEqual([type, 415])
    }
    expect(bodies).toEqual([])
  })

  it('beyond the limit of bodies is refused with 413', async () => {
    const { app, bodies } = await keeping({ schema }, { bodyLimit: 1000 })
    expect((await post(app, TITLE + part('any', 'x'.repeat(1000), '; filename="f"') + END)).statusCode).toBe(413)
    expect(bodies).toEqual([])
  })

  it('says what is asked of a part in the words of the document', async () => {
    const { app } = await keeping({ schema, encoding })
    const error = async (parts: string) => (await post(app, TITLE + parts + END)).json<{ error: string }>().error
    expect(await error(part('photo', 'a', file('a/b')))).toBe(
      'Invalid request: body.photo must be image/png or image/jpeg.',
    )
    expect(await error(part('photo', 'a'))).toBe('Invalid request: body.photo must be a file.')
  })

  it('is, to who reads it before, fields and the bytes of files', async () => {
    const seen: unknown[] = []
    const { port } = await startBackend()
    const { app } = await stage(port, {
      routes,
      options: { openapi: posting({ schema, encoding }) },
      before: (scope) => {
        scope.addHook('preHandler', async ({ body }) => void seen.push({ ...(body as object) }))
      },
    })
    await post(app, TITLE + part('count', '3') + part('pages', 'abc', file('application/pdf')) + END)
    expect(seen).toEqual([{ title: 'a', count: 3, pages: [Buffer.from('abc')] }])
  })

  it('that does not match passes where it is only told of', async () => {
    const { app, bodies, events } = await keeping({ schema }, { reportOnly: true })
    expect((await post(app, TITLE + TITLE + END)).statusCode).toBe(200)
    expect([bodies.toString(), events]).toMatchObject([TITLE + TITLE + END, [{ outcome: 'observed' }]])
  })

  it.each([{}, { schema: {} }, { schema: binary }])('of which nothing is said passes unread: %j', async (content) => {
    const { app, bodies } = await keeping(content)
    expect((await post(app, 'x', 'multipart/form-data')).statusCode).toBe(200)
    expect(bodies.toString()).toBe('x')
  })

  it('of open names has none in the place of one that is forbidden', async () => {
    const { app } = await keeping({ schema: { type: 'object', properties: { admin: false } } })
    expect((await post(app, part('other', 'x') + END)).statusCode).toBe(200)
    for (const name of ['admin', 'admin[]', 'Admin', 'ADMIN[x]']) {
      expect([name, (await post(app, part(name, 'x') + END)).statusCode]).toEqual([name, 400])
    }
  })

  it('of open names has parts that no name hides', async () => {
    const properties = { role: { enum: ['user'] }, a_role: { enum: ['user'] } }
    const { app, bodies } = await keeping({ schema: { type: 'object', properties } })
    const role = part('role', 'user')
    expect((await post(app, role + part('other', 'x') + END)).statusCode).toBe(200)
    // To PHP `role[x]` is in the place of `role`, and `ro.le` is `ro_le`; to ASP.NET `Role` is `role`.
    const others = ['role', 'ro le', 'r%6fle', 'role[]', 'role[x]', 'Role', 'ROLE[a]', 'a.role', 'a_Role', 'a.role[0]']
    for (const more of [...others.map((name) => part(name, 'admin')), part('other', 'x').repeat(2)]) {
      expect([more, (await post(app, role + more + END)).statusCode]).toEqual([more, 400])
    }
    expect(bodies).toHaveLength(1)
  })
})

describe('an input where no file was chosen', () => {
  const none = (name: string): string => part(name, '', `; filename=""\r\nContent-Type: application/octet-stream`)
  const open = { properties: { title: { type: 'string' }, photo: binary, pages: { type: 'array', items: binary } } }

  it('passes as it came where the form matches with an empty file and without, and is nothing to who reads it here', async () => {
    const seen: unknown[] = []
    const { backend, bodies } = await startKeeper()
    const { app } = await stage(backend.port, {
      routes,
      options: { openapi: posting({ schema: { type: 'object', additionalProperties: false, ...open } }) },
      before: (scope) => {
        scope.addHook('preHandler', async ({ body }) => void seen.push({ ...(body as object) }))
      },
    })
    for (const parts of [none('photo'), none('pages'), none('photo') + TITLE + none('pages')]) {
      expect((await post(app, parts + END)).statusCode).toBe(200)
    }
    expect(bodies.map(String)).toEqual([
      none('photo') + END,
      none('pages') + END,
      none('photo') + TITLE + none('pages') + END,
    ])
    expect(seen).toEqual([{}, {}, { title: 'a' }])
  })

  it.each<[string, object, string, string]>([
    ['must be sent', { required: ['photo'] }, none('photo'), 'required'],
    ['has a length', { properties: { photo: { ...binary, minLength: 1 } } }, none('photo'), 'minLength'],
    ['is a text', {}, none('title'), 'part-kind'],
    ['stands there twice', {}, none('photo') + none('photo'), 'repeated'],
    ['is not known', { additionalProperties: false }, none('other'), 'additionalProperties'],
    ['goes with another', { dependentRequired: { photo: ['title'] } }, none('photo'), 'dependentRequired'],
    ['stands for another', { anyOf: [{ required: ['photo'] }, { required: ['title'] }] }, none('photo'), 'required'],
    ['stands beside another', { not: { required: ['photo', 'title'] } }, none('photo') + TITLE, 'not'],
    [
      'is one of few',
      { properties: { pages: { type: 'array', items: binary, maxItems: 1 } } },
      none('pages').repeat(2),
      'maxItems',
    ],
  ])('is refused where the file %s', async (_what, more, parts, rule) => {
    const { app, bodies, events } = await keeping({ schema: { type: 'object', ...open, ...more } })
    expect((await post(app, parts + END)).statusCode).toBe(400)
    expect(events).toMatchObject([{ detail: { rule } }])
    expect(bodies).toEqual([])
  })

  it('is of the types that are named, or refused', async () => {
    for (const [contentType, status] of [
      ['image/png', 400],
      ['image/png, application/octet-stream', 200],
    ]) {
      const { app } = await keeping({ schema: { type: 'object', ...open }, encoding: { photo: { contentType } } })
      expect((await post(app, none('photo') + END)).statusCode).toBe(status)
    }
  })
})

describe('a form with parts of which there are several kinds', () => {
  const several = {
    type: 'object',
    required: ['kind'],
    oneOf: [
      { properties: { kind: { const: 'photo' }, file: { ...binary, maxLength: 2 }, note: false } },
      {
        properties: { kind: { const: 'note' }, note: { type: 'string' }, stars: { type: 'integer' }, file: false },
        additionalProperties: false,
      },
    ],
  }
  it.each<[number, string, string]>([
    [200, 'the file of one', part('kind', 'photo') + part('file', 'ab', file('image/png'))],
    [200, 'the fields of the other', part('kind', 'note') + part('note', 'a') + part('stars', '3')],
    [400, 'a file that is too large', part('kind', 'photo') + part('file', 'abc', file('image/png'))],
    [400, 'a file as a field', part('kind', 'photo') + part('file', 'ab')],
    [400, 'the file of the other', part('kind', 'note') + part('file', 'ab', file('image/png'))],
    [400, 'a number in another spelling', part('kind', 'note') + part('stars', '0x1')],
    [400, 'a kind that is none', part('kind', 'x')],
  ])('is answered %i with %s', async (status, _what, parts) => {
    const { app } = await keeping({ schema: several })
    expect((await post(app, parts + END)).statusCode).toBe(status)
  })
})

describe('whoever writes a form that readers read in different ways', () => {
  const users = { type: 'object', additionalProperties: false, properties: { role: { enum: ['user'] } } }
  it.each<[string, string]>([
    ['a second part of a name', part('role', 'user') + part('role', 'admin')],
    ['a name that is read again', part('role', 'user', '\r\nContent-Disposition: form-data; name="role"')],
    ['a form behind the end of the form', part('role', 'user') + END + part('role', 'admin')],
    ['a form before the form', `--${BOUNDARY} \r\n${part('role', 'user')}`],
    ['a word that begins like the boundary', `${part('role', 'user')}--${BOUNDARY}x\r\n${part('role', 'admin')}`],
  ])('does not reach the service with %s', async (_what, parts) => {
    const { app, bodies, backend } = await keeping({ schema: users })
    const proxy = await official(backend.port)
    expect((await post(proxy, parts + END)).statusCode).toBe(200)
    expect(bodies.toString()).toBe(parts + END)
    // To the service it is a form.
    expect(await (await byBusboy())(Buffer.from(parts + END), TYPE)).not.toBeNull()
    expect((await post(app, parts + END)).statusCode).toBe(400)
    expect(bodies).toHaveLength(1)
  })
})
