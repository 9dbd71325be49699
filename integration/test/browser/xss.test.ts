import type { FastifyInstance } from 'fastify'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { openSites } from './sites.ts'
import { corpus } from './xss-corpus.ts'
import { bare, guarded } from './xss-sites.ts'

const BARE = 'https://bare.shop.test'
const OURS = 'https://ours.shop.test'

/** Each payload is opened from each kind of answer, which takes minutes; otherwise one in sixteen. */
const EVERY = process.env['XSS_EVERY'] !== undefined

/** A payload calls `alert` with its own number. */
const numbered = (text: string, number: number): string =>
  text
    .replaceAll(/(ert(?:&lpar;|&#40;|%28|`|\W*\())1/g, `$1${number}`)
    .replaceAll('throw 1', `throw ${number}`)
    .replaceAll(btoa('alert(1)'), btoa(`alert(${number})`))

async function filled(app: FastifyInstance): Promise<FastifyInstance> {
  for (const [number, text] of corpus.entries()) {
    const written = numbered(text, number)
    await app.inject({ method: 'POST', url: '/comments', payload: { author: written, body: written } })
  }
  return app
}

const { visit } = openSites([
  { hosts: ['bare.shop.test'], app: (pair) => filled(bare({ https: pair })) },
  { hosts: ['ours.shop.test'], app: async (pair) => filled(await guarded({ https: pair })) },
])

/** Whoever reads: looks at everything, moves over it, types and clicks. */
const READ = `(() => {
  const all = (root) =>
    [...root.querySelectorAll('*')].flatMap((one) => [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])])
  const mouse = ['pointerover', 'pointerenter', 'pointerdown', 'mouseover', 'mouseenter', 'mousemove', 'mousedown',
    'mouseup', 'mouseout', 'auxclick', 'dblclick', 'contextmenu', 'wheel', 'dragstart']
  for (const one of all(document)) {
    one.focus?.()
    for (const type of mouse) one.dispatchEvent(new MouseEvent(type, { bubbles: true }))
    for (const type of ['keydown', 'keyup', 'copy', 'paste', 'input']) one.dispatchEvent(new Event(type, { bubbles: true }))
  }
  for (const one of all(document)) one.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true, view: window }))
})()`

/** A page that writes down which payloads have run in it or in a frame of it. */
async function reading(origin: string): Promise<{ page: Page; ran: Set<number> }> {
  const page = await visit(origin)
  const ran = new Set<number>()
  await page.exposeBinding('alert', (_source, said: unknown) => {
    const number = /\d+$/.exec(String(said))?.[0]
    if (number !== undefined) ran.add(Number(number))
  })
  return { page, ran }
}

/** Opens paths in frames, some at a time, and reads each. */
async function readAll(page: Page, paths: readonly string[]): Promise<void> {
  for (let at = 0; at < paths.length; at += 60) {
    await page.evaluate(
      (some) =>
        Promise.race([
          // What is saved loads nothing, and tells nothing.
          new Promise((resolve) => setTimeout(resolve, 2000)),
          Promise.all(
            some.map((path) => {
              const frame = document.createElement('iframe')
              frame.src = path
              const loaded = new Promise((resolve) => frame.addEventListener('load', resolve, { once: true }))
              document.body.append(frame)
              return loaded
            }),
          ),
        ]),
      paths.slice(at, at + 60),
    )
    // A page's own script may still be asking.
    await page.waitForTimeout(200)
    await Promise.all(page.frames().map((frame) => frame.evaluate(READ).catch(() => undefined)))
    // Navigations to javascript: URLs, animations and failed images come after the events.
    await page.waitForTimeout(300)
    await page.evaluate(() => document.querySelectorAll('iframe').forEach((frame) => frame.remove()))
  }
}

describe(`${corpus.length} payloads`, () => {
  it('are different ones, at least 200', () => {
    expect(new Set(corpus).size).toBe(corpus.length)
    expect(corpus.length).toBeGreaterThanOrEqual(200)
  })

  it('run, each somewhere, in an app that escapes nothing', async () => {
    const { page, ran } = await reading(BARE)
    const places = ['text', 'link', 'unquoted', 'attribute', 'single', 'script', 'title', 'textarea', 'json', 'svg']
    for (const place of [...places, 'upload', 'stream', 'error', 'hijacked', 'xhtml']) {
      const left = [...corpus.keys()].filter((number) => !ran.has(number))
      await readAll(
        page,
        left.map((number) => `/${place}/${number}`),
      )
    }
    expect(corpus.filter((_, number) => !ran.has(number))).toEqual([])
  }, 120_000)

  it('run from every kind of answer in an app without the room', async () => {
    const { page, ran } = await reading(BARE)
    // A script element runs in a document, a failing image wherever markup is shown.
    const some = [...corpus.keys()].filter((number) =>
      /^<(?:script>|img src=x onerror="?alert)/.test(corpus[number] ?? ''),
    )
    for (const place of ['json', 'error', 'upload', 'viewer', 'svg', 'stream', 'hijacked']) {
      ran.clear()
      await readAll(
        page,
        some.map((number) => `/${place}/${number}`),
      )
      expect([place, ran.size]).toEqual([place, expect.toSatisfy((count: number) => count > 3)])
    }
  }, 60_000)

  it.each(['page', 'json'])(
    'do not run from a %s here, not one',
    async (place) => {
      const { page, ran } = await reading(OURS)
      await readAll(
        page,
        [...corpus.keys()].map((number) => `/${place}/${number}`),
      )
      expect([...ran].map((number) => corpus[number])).toEqual([])
    },
    120_000,
  )

  it.each(['error', 'upload', 'viewer', 'svg', 'xhtml', 'stream', 'hijacked', 'saved'])(
    'leave from %s as nothing that a browser opens, and do not run',
    async (place) => {
      const { page, ran } = await reading(OURS)
      const paths = [...corpus.keys()].map((number) => `/${place}/${number}`)
      const types = await page.evaluate(
        (all) =>
          Promise.all(
            all.map(async (path) => {
              const { headers } = await fetch(path)
              return `${headers.get('content-type')} ${headers.get('x-content-type-options')}`
            }),
          ),
        paths,
      )
      const opened = ['stream', 'hijacked', 'saved'].includes(place) ? 'application/octet-stream' : 'application/json'
      expect(new Set(types)).toEqual(new Set([`${opened} nosniff`]))
      await readAll(
        page,
        paths.filter((_, number) => EVERY || number % 16 === 0),
      )
      expect(ran.size).toBe(0)
    },
    120_000,
  )
})
