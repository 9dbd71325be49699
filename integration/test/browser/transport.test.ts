import https, { tlsServerOptions } from '@portcullis/https'
import { onSecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Page } from 'playwright-core'
import { beforeEach, describe, expect, it } from 'vitest'
import { openSites, type Site } from './sites.ts'

/** What browsers ask for by themselves, when they like. */
const ICON = '/favicon.ico'

/** Lines that crossed the network in the clear, bodies that a plaintext server took, and what our room reported. */
const overheard: string[] = []
const taken: string[] = []
const raised: string[] = []
beforeEach(() => {
  for (const list of [overheard, taken, raised]) list.length = 0
})

const form = '<!doctype html><form method="post" action="/sign-in"><input name="password" value="secret"></form>'

function shop(app: FastifyInstance): FastifyInstance {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (request, body, done) => {
    if (request.protocol === 'http') taken.push(String(body))
    done(null, body)
  })
  app.get('/*', (_request, reply) => reply.type('text/html').send(form))
  app.post('/sign-in', (_request, reply) =>
    reply.header('set-cookie', 'session=masum; HttpOnly; Path=/').type('text/html').send('<title>Welcome</title>'),
  )
  return app
}

/** A shop on both ports, whose answers over TLS do or do not ask for TLS from then on. */
const twoPorts = (hosts: string[], hsts: boolean): Site => ({
  hosts,
  async app(pair) {
    const app = Fastify({ https: tlsServerOptions(pair) }) as unknown as FastifyInstance
    await app.register(https, { hosts: [hosts[0] as string], plaintext: { port: 0 }, ...(hsts ? {} : { hsts: false }) })
    app.addHook('onSend', async ({ protocol, method, url, host, headers }) => {
      if (protocol === 'http' && url !== ICON) overheard.push(`${method} ${host}${url} ${headers.cookie ?? '-'}`)
    })
    onSecurityEvent(app, ({ type, request }) => request?.url !== ICON && raised.push(type))
    return shop(app)
  },
})

const { visit } = openSites([
  twoPorts(['shop.test', 'www.shop.test'], true),
  twoPorts(['forgetful.test'], false),
  { hosts: ['bare.test'], plaintext: true, app: () => shop(Fastify()) },
])

/** Submits the page's form and waits for what comes of it; a browser tells of its own upgrade as a 307. */
async function signIn(page: Page): Promise<number> {
  const answered = page.waitForResponse(
    (response) => response.request().method() === 'POST' && response.status() !== 307,
  )
  await page.evaluate('setTimeout(() => document.forms[0].submit())')
  await page.waitForURL('**/sign-in')
  return (await answered).status()
}
const cookies = async (page: Page): Promise<string[]> =>
  (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`)

describe('a second visit', () => {
  it('is overheard again where nothing is remembered', async () => {
    const page = await visit('http://forgetful.test/first')
    expect(page.url()).toBe('https://forgetful.test/first')
    await page.goto('http://forgetful.test/second')
    expect(page.url()).toBe('https://forgetful.test/second')
    expect(overheard).toEqual(['GET forgetful.test/first -', 'GET forgetful.test/second -'])
  })

  it('is upgraded by the browser itself, on the host and on its subdomains', async () => {
    const page = await visit('http://shop.test/first')
    expect(page.url()).toBe('https://shop.test/first')
    expect(overheard).toEqual(['GET shop.test/first -'])
    for (const host of ['shop.test', 'www.shop.test']) {
      await page.goto(`http://${host}/second`)
      expect(page.url()).toBe(`https://${host}/second`)
    }
    // What another site's form would send here in the clear leaves encrypted too.
    await page.goto('http://bare.test/')
    await page.setContent(form.replace('/sign-in', 'http://shop.test/sign-in'))
    expect([await signIn(page), page.url(), taken]).toEqual([200, 'https://shop.test/sign-in', []])
    expect([overheard, raised]).toEqual([['GET shop.test/first -'], ['https.redirected']])
  })
})

describe('a password in the clear', () => {
  it('is taken by a bare server, which answers with a session to steal', async () => {
    const page = await visit('http://bare.test/')
    expect(await signIn(page)).toBe(200)
    expect([taken, await cookies(page)]).toEqual([['password=secret'], ['session=masum']])
  })

  it('is refused unread, and no cookie comes back', async () => {
    const page = await visit('http://bare.test/')
    await page.setContent(form.replace('/sign-in', 'http://forgetful.test/sign-in'))
    expect(await signIn(page)).toBe(403)
    expect(page.url()).toBe('http://forgetful.test/sign-in')
    expect(await page.textContent('body')).toContain('PTC_HTTPS_REQUIRED')
    expect([taken, await cookies(page), raised]).toEqual([[], [], ['https.refused']])
  })
})

describe('a session cookie in the clear', () => {
  it('is reported instead of being followed by a redirect', async () => {
    const page = await visit('https://forgetful.test/')
    expect(await signIn(page)).toBe(200)
    const answer = await page.goto('http://forgetful.test/orders')
    expect([answer?.status(), page.url()]).toEqual([403, 'http://forgetful.test/orders'])
    expect(await answer?.json()).toMatchObject({ code: 'PTC_HTTPS_CREDENTIAL_EXPOSED' })
    expect(overheard).toEqual(['GET forgetful.test/orders session=masum'])
    expect(raised).toEqual(['https.credential-exposed'])
  })

  it('never leaves after a visit that was remembered', async () => {
    const page = await visit('https://shop.test/')
    expect(await signIn(page)).toBe(200)
    await page.goto('http://shop.test/orders')
    expect([page.url(), overheard, raised]).toEqual(['https://shop.test/orders', [], []])
  })
})
