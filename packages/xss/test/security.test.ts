import { Readable } from 'node:stream'
import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import xss, { attachment, html as page, jsonForScript, richText, sanitizeHtml } from '../src/index.ts'

const script = '<script>alert(document.cookie)</script>'

/** The same app, bare and guarded. */
async function twins(
  serve: (app: FastifyInstance, meant: object) => void,
): Promise<[bare: FastifyInstance, ours: FastifyInstance]> {
  const [bare, ours] = [Fastify(), Fastify()]
  await ours.register(xss)
  serve(bare, {})
  serve(ours, { config: { security: { xss: { html: true } } } })
  return [bare, ours]
}

/** What a browser would run as a document: HTML by its type, or anything that it may guess about. */
async function runs(app: FastifyInstance, url: string): Promise<boolean> {
  const { headers, body } = await app.inject(url)
  const type = headers['content-type']
  const sniffed = type === undefined && headers['x-content-type-options'] !== 'nosniff'
  return (sniffed || /html|svg|xml/i.test(String(type))) && body.includes('<script')
}

describe('a stream without a type', () => {
  it('is guessed to be HTML on a bare Fastify, and is bytes here', async () => {
    const [bare, ours] = await twins((app) => app.get('/', (_request, reply) => reply.send(Readable.from([script]))))
    expect([await runs(bare, '/'), await runs(ours, '/')]).toEqual([true, false])
  })
})

describe('a type that an uploader chose', () => {
  it.each(['text/html', 'TEXT/HTML', 'image/svg+xml', 'application/xhtml+xml', 'text/xml', 'application/rdf+xml'])(
    '%s runs on a bare Fastify, and is refused here',
    async (type) => {
      const [bare, ours] = await twins((app) =>
        app.get('/file', (_request, reply) => reply.header('content-type', type).send(Buffer.from(script))),
      )
      expect(await runs(bare, '/file')).toBe(true)
      const answer = await ours.inject('/file')
      expect([answer.statusCode, answer.body.includes('<')]).toEqual([500, false])
    },
  )

  it('hides behind a second type on a bare Fastify, and is bytes here', async () => {
    const [bare, ours] = await twins((app) =>
      app.get('/', (_request, reply) =>
        reply.header('content-type', 'image/png, text/html').send(Readable.from([script])),
      ),
    )
    expect((await bare.inject('/')).headers['content-type']).toBe('image/png, text/html')
    expect((await ours.inject('/')).headers['content-type']).toBe('application/octet-stream')
  })

  it('is kept by a hand-written download on a bare Fastify, and by no attachment here', async () => {
    const type = 'text/html'
    const [bare] = await twins((app) => app.get('/', (_request, reply) => reply.type(type).send(script)))
    expect(await runs(bare, '/')).toBe(true)
    const [, ours] = await twins((app) => app.get('/', (_request, reply) => attachment(reply, { type }).send(script)))
    expect((await ours.inject('/')).headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment; filename="download"',
    })
  })
})

describe('text in another charset', () => {
  it.each(['text/html; charset=utf-7', 'text/html; charset=iso-2022-jp', 'text/html'])(
    'is read as %s on a bare Fastify, and as UTF-8 here',
    async (type) => {
      const [bare, ours] = await twins((app, meant) =>
        app.get('/', meant, (_request, reply) => reply.header('content-type', type).send('+ADw-script+AD4-')),
      )
      expect((await bare.inject('/')).headers['content-type']).toBe(type)
      expect((await ours.inject('/')).headers['content-type']).toBe('text/html; charset=utf-8')
    },
  )
})

describe('JSON that is a script', () => {
  it('runs in a script element on a bare Fastify, and is held back by nosniff here', async () => {
    const [bare, ours] = await twins((app) =>
      app.get('/note', (_request, reply) => reply.type('application/json').send('alert(1)')),
    )
    expect((await bare.inject('/note')).headers['x-content-type-options']).toBeUndefined()
    expect((await ours.inject('/note')).headers['x-content-type-options']).toBe('nosniff')
  })
})

describe('an answer that says what was asked', () => {
  const schema = {
    body: { type: 'object', properties: { kind: { enum: ['a'] } }, additionalProperties: false },
    querystring: { type: 'object', properties: { n: { type: 'integer' } } },
  }
  const serve = (app: FastifyInstance): void => {
    app.post('/order', { schema }, async () => 'ordered')
    app.get('/throws', async () => {
      throw new Error(`no ${script}`)
    })
  }
  const asking = [
    { url: `/${script}` },
    { url: `/%3Cscript%3E` },
    { url: '/throws' },
    {
      method: 'POST' as const,
      url: '/order',
      payload: `{"${script}": `,
      headers: { 'content-type': 'application/json' },
    },
    { method: 'POST' as const, url: '/order', payload: script, headers: { 'content-type': `a/${'script'}` } },
    { method: 'POST' as const, url: `/order?n=${encodeURIComponent(script)}`, payload: { kind: script, [script]: 1 } },
  ]

  it('echoes on a bare Fastify, and never here', async () => {
    const [bare, ours] = await twins(serve)
    const echoes = async (app: FastifyInstance): Promise<number> => {
      const answers = await Promise.all(asking.map((one) => app.inject(one)))
      expect(answers.every(({ statusCode }) => statusCode >= 400)).toBe(true)
      return answers.filter(({ body }) => /script/i.test(body)).length
    }
    expect(await echoes(bare)).toBeGreaterThanOrEqual(3)
    expect(await echoes(ours)).toBe(0)
  })
})

describe('markup in a value', () => {
  it('becomes a page of a template string, and text in a template', () => {
    expect(`<p>${script}</p>`).toContain('<script>')
    expect(String(page`<p>${script}</p>`)).toBe('<p>&lt;script&gt;alert(document.cookie)&lt;/script&gt;</p>')
  })

  it('leaves an attribute of a template string, and stays in one here', () => {
    const name = '" onfocus="alert(1)" autofocus="'
    expect(`<input value="${name}">`).toContain(' onfocus="alert(1)"')
    expect(String(page`<input value="${name}">`)).toBe(
      '<input value="&quot; onfocus=&quot;alert(1)&quot; autofocus=&quot;">',
    )
  })

  it('ends a script that JSON.stringify writes, and none here', () => {
    const value = { name: '</script><script>alert(1)</script><!--' }
    expect(JSON.stringify(value)).toContain('</script>')
    expect(jsonForScript(value)).not.toMatch(/[<>]/)
    expect(JSON.parse(jsonForScript(value))).toEqual(value)
  })
})

describe('a link of javascript', () => {
  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' \u0001javascript:alert(1)',
    'java\nscript:alert(1)',
    'java\tscript:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'blob:https://a.example/x',
  ])('%j is followed when escaped, and leads nowhere in a template', (url) => {
    const escaped = url.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
    expect(`<a href="${escaped}">`).toContain(escaped.slice(-3))
    expect(String(page`<a href="${url}">go</a>`)).toBe('<a href="about:invalid">go</a>')
  })
})

describe('a link in parts', () => {
  const [folder, file] = ['..', 'evil.example']
  const host = (tag: string): string => new URL(/"(.*?)"/.exec(tag)?.[1] ?? '', 'https://ours.example/page').host

  it('leads to another host when its first segment is empty, and stays on ours in a template', () => {
    expect(host(`<script src="/${encodeURIComponent('')}/${encodeURIComponent(file)}/main.js">`)).toBe(file)
    for (const first of ['', '.', folder])
      expect(host(String(page`<script src="/${first}/${file}/main.js"></script>`))).toBe('ours.example')
  })

  it('is a script when data is its scheme, and is refused in a template', () => {
    const [scheme, path] = ['javascript', '\nalert(1)']
    expect(decodeURIComponent(`${scheme}://a.example/${encodeURIComponent(path)}`)).toContain('\nalert(1)')
    expect(() => page`<a href="${scheme}://a.example/${path}">x</a>`).toThrow(
      expect.objectContaining({ code: 'PTC_XSS_TEMPLATE_UNSAFE' }),
    )
  })

  it('leaves its attribute where a no-break space joins it to a name, and is refused in a template', () => {
    const url = 'a onclick=alert(1)//'
    // To a browser, `a\u00a0href="a` is the name of an element.
    expect(`<a\u00a0href="${url}">`.split(' ')[1]).toBe('onclick=alert(1)//">')
    expect(() => page`<a\u00a0href="${url}">x</a>`).toThrow(
      expect.objectContaining({ code: 'PTC_XSS_TEMPLATE_UNSAFE' }),
    )
  })
})

describe('rich text', () => {
  it('runs in a reader when it leaves as it was written, and not when its schema names it', async () => {
    const written = '<p>Hi <img src=x onerror=alert(1)><a href="javascript:alert(1)">there</a></p>'
    const schema = { type: 'object', properties: { body: { type: 'string', contentMediaType: 'text/html' } } }
    const [bare, ours] = await twins((app) =>
      app.get('/', { schema: { response: { 200: schema } } }, async () => ({ body: written })),
    )
    expect((await bare.inject('/')).json()).toEqual({ body: written })
    expect((await ours.inject('/')).json()).toEqual({ body: sanitizeHtml(written) })
    expect(sanitizeHtml(written)).toBe('<p>Hi <a rel="nofollow ugc noopener noreferrer">there</a></p>')
  })

  it.each([
    ['in a list, which the serializer joins', ['<img src=x onerror=alert(1)>']],
    ['in bytes, which the serializer decodes', Buffer.from('<img src=x onerror=alert(1)>')],
  ])('hides from the sanitizer of a handler %s, and not from ours', async (_where, written: unknown) => {
    const schema = { type: 'object', properties: { body: { type: 'string', contentMediaType: 'text/html' } } }
    const clean = typeof written === 'string' ? sanitizeHtml(written) : written
    const [bare, ours] = await twins((app) =>
      app.get('/', { schema: { response: { 200: schema } } }, async () => ({ body: clean })),
    )
    expect((await bare.inject('/')).json()).toEqual({ body: '<img src=x onerror=alert(1)>' })
    expect((await ours.inject('/')).json()).toEqual({ body: '' })
  })

  it('cannot be forged as safe by JSON', () => {
    const forged: unknown = JSON.parse('{"text":"<script>","#text":"<script>"}')
    expect(() => page`<p>${forged}</p>`).toThrow(TypeError)
    expect(String(page`<p>${richText('<script>alert(1)</script><b>b</b>')}</p>`)).toBe('<p><b>b</b></p>')
  })
})
