import { Readable } from 'node:stream'
import headers from '@portcullis/headers'
import { tlsServerOptions } from '@portcullis/https'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { emptyPages, openSites } from './sites.ts'

/** What users sent in and other users get back. */
const note = 'window.ran = true'
const markup = '<!doctype html><b>bold</b><script>window.ran = true</script>'
const pixel = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

function serve(app: FastifyInstance, only: (crossOriginResourcePolicy: 'same-site' | 'cross-origin') => object) {
  app.get('/', (_request, reply) => reply.type('text/html').send('<!doctype html><title>A page</title>'))
  app.get('/note', (_request, reply) => reply.type('application/json').send(note))
  app.get('/note.txt', (_request, reply) => reply.type('text/plain').send(note))
  app.get('/script.js', (_request, reply) => reply.type('text/javascript').send(note))
  app.get('/upload', (_request, reply) => reply.send(Readable.from([markup])))
  app.get('/pixel', (_request, reply) => reply.type('image/png').send(pixel))
  app.get('/pixel-of-the-site', only('same-site'), (_request, reply) => reply.type('image/png').send(pixel))
  app.get('/pixel-for-everybody', only('cross-origin'), (_request, reply) => reply.type('image/png').send(pixel))
  app.get('/script-for-everybody', only('cross-origin'), (_request, reply) => reply.type('text/javascript').send(note))
  return app
}

const { visit } = openSites([
  emptyPages('app.shop.test', 'evil.test'),
  {
    hosts: ['api.shop.test'],
    async app(pair) {
      const app = Fastify({ https: tlsServerOptions(pair) }) as unknown as FastifyInstance
      // Without a policy for contents: what is stopped here is stopped by the other fields.
      await app.register(headers, { dangerouslyDisableContentSecurityPolicy: true })
      return serve(app, (crossOriginResourcePolicy) => ({
        config: { security: { headers: { crossOriginResourcePolicy } } },
      }))
    },
  },
  {
    hosts: ['bare.shop.test'],
    app: (pair) => serve(Fastify({ https: pair }) as unknown as FastifyInstance, () => ({})),
  },
])
const OURS = 'https://api.shop.test'
const BARE = 'https://bare.shop.test'

/** Puts an element that loads something on a page, and tells which of its events came. */
const embed = (page: Page, tag: 'img' | 'script', url: string): Promise<string> =>
  page.evaluate(
    ([name, src]) =>
      new Promise<string>((resolve) => {
        const element = document.createElement(name)
        element.addEventListener('load', () => resolve('load'))
        element.addEventListener('error', () => resolve('error'))
        element.src = src
        document.body.append(element)
      }),
    [tag, url] as const,
  )

const ran = (page: Page): Promise<boolean> => page.evaluate<boolean>('window.ran === true')

describe('a type that is meant', () => {
  it.each(['/note', '/note.txt'])('keeps %s from running as a script of its own origin', async (path) => {
    const bare = await visit(BARE)
    expect([await embed(bare, 'script', path), await ran(bare)]).toEqual(['load', true])
    const ours = await visit(OURS)
    expect([await embed(ours, 'script', path), await ran(ours)]).toEqual(['error', false])
  })

  it('lets a script be a script', async () => {
    const ours = await visit(OURS)
    expect([await embed(ours, 'script', '/script.js'), await ran(ours)]).toEqual(['load', true])
  })

  it('keeps a stream without Content-Type from being rendered', async () => {
    const bare = await visit(`${BARE}/upload`)
    expect([await bare.evaluate('document.contentType'), await ran(bare)]).toEqual(['text/html', true])
    const ours = await visit(`${OURS}/upload`)
    expect([await ours.evaluate('document.contentType'), await ran(ours)]).toEqual(['text/plain', false])
    expect(await ours.textContent('body')).toBe(markup)
  })
})

describe('an answer in a foreign page', () => {
  it.each([
    ['img', '/pixel'],
    ['script', '/script.js'],
  ] as const)('is not loaded as %s', async (tag, path) => {
    const page = await visit('https://evil.test')
    expect(await embed(page, tag, BARE + path)).toBe('load')
    expect(await embed(page, tag, OURS + path)).toBe('error')
    const sibling = await visit('https://app.shop.test')
    expect(await embed(sibling, tag, BARE + path)).toBe('load')
    expect(await embed(sibling, tag, OURS + path)).toBe('error')
  })

  it('is loaded where its route says so', async () => {
    const foreign = await visit('https://evil.test')
    const sibling = await visit('https://app.shop.test')
    for (const [tag, path, toForeign] of [
      ['img', '/pixel-of-the-site', 'error'],
      ['img', '/pixel-for-everybody', 'load'],
      ['script', '/script-for-everybody', 'load'],
    ] as const) {
      expect([path, await embed(sibling, tag, OURS + path)]).toEqual([path, 'load'])
      expect([path, await embed(foreign, tag, OURS + path)]).toEqual([path, toForeign])
    }
  })
})
