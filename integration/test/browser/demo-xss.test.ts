import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededUsers } from '../../../apps/demo/src/database/seed.ts'
import { liftedLimits } from '../../../apps/demo/src/limits.ts'
import { startChromium } from '../../../apps/demo/test/chromium.ts'
import { type StandingDemo, standDemo } from '../../../apps/demo/test/standing-demo.ts'
import { corpus } from './xss-corpus.ts'

/** As many as the page shows at once, as many as the API gives of the comments of a post. */
const [POSTS, COMMENTS] = [50, 200]

let demo: StandingDemo
let browser: Browser | null = null
let token: string
/** Ids of the two posts whose comments are the whole corpus. */
let commented: number[]
beforeAll(async () => {
  demo = await standDemo({ limits: liftedLimits })
  browser = await startChromium([demo.addresses.app, demo.addresses.api], demo.ca)
  token = (await demo.signIn()).token
  const halves = [corpus.slice(0, COMMENTS), corpus.slice(COMMENTS)]
  commented = await Promise.all(
    halves.map(async (half) => {
      const { id } = await post('comments')
      for (const comment of half) await demo.call('POST', `/posts/${id}/comments`, { token, json: { comment } })
      return id as number
    }),
  )
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await demo?.close()
})

async function post(text: string) {
  const { status, json } = await demo.call('POST', '/posts', { token, json: { title: text.slice(0, 200), body: text } })
  expect(status).toBe(201)
  return json
}

/** Whoever reads: looks at everything, moves over it, types and clicks. */
const READ = `(() => {
  // Links that lead elsewhere may be followed: what they lead to is another page's.
  addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href]')
    if (link && /^(https?|mailto|tel):$/.test(link.protocol)) event.preventDefault()
  }, { once: false })
  const all = [...document.querySelectorAll('#posts *')]
  for (const one of all) {
    one.focus?.()
    for (const type of ['pointerover', 'pointerenter', 'mouseover', 'mouseenter', 'mousemove', 'mousedown', 'mouseup', 'wheel'])
      one.dispatchEvent(new MouseEvent(type, { bubbles: true }))
    for (const type of ['keydown', 'keyup', 'copy', 'paste', 'input']) one.dispatchEvent(new Event(type, { bubbles: true }))
    if (one.localName !== 'button') one.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }))
  }
})()`

type Skip = (note: string) => never

/** A profile in which everything that runs, and everything that a policy stopped, is written down. */
async function profile(skip: Skip, bypassCSP = false): Promise<{ context: BrowserContext; ran: string[] }> {
  if (browser === null) return skip('Chromium is not installed')
  const context = await browser.newContext({ bypassCSP })
  const ran: string[] = []
  await context.exposeBinding('alert', ({ page }, said: unknown) => void ran.push(`${page.url()} ${String(said)}`))
  context.on('console', (line) => {
    if (/Content Security Policy|Trusted/.test(line.text())) ran.push(line.text())
  })
  return { context, ran }
}

async function signedIn(context: BrowserContext): Promise<Page> {
  const page = await context.newPage()
  await page.goto(demo.addresses.app)
  await page.fill('#login [name=username]', seededUsers[0].username)
  await page.fill('#login [name=password]', seededUsers[0].password)
  await page.click('#login button')
  await page.waitForSelector('#posts article')
  return page
}

async function shown(page: Page): Promise<void> {
  await page.goto(demo.addresses.app)
  await page.waitForSelector('#posts article')
  for (const button of await page.locator('#posts article button', { hasText: 'Comments' }).all()) {
    const title = await button.locator('xpath=../h3').textContent()
    if (title !== 'comments') continue
    await button.click()
    await page.waitForSelector('#posts article li')
  }
  await page.evaluate(READ)
  // What has to load first.
  await page.waitForTimeout(100)
}

describe(`${corpus.length} payloads in the demo, in Chromium`, () => {
  it('run in its page by the dozen when nobody sanitises, and no policy is in force', async ({ skip }) => {
    const { context, ran } = await profile(skip, true)
    const page = await signedIn(context)
    const texts = corpus.map((body, id) => ({ id, author: 'x', title: 'x', body, createdAt: '2026-01-01T00:00:00Z' }))
    const headers = { 'access-control-allow-origin': demo.addresses.app, 'access-control-allow-credentials': 'true' }
    await page.route(`${demo.addresses.api}/posts`, (route) =>
      route.request().method() === 'GET' ? route.fulfill({ headers, json: texts }) : route.continue(),
    )
    await shown(page)
    expect(ran.length).toBeGreaterThan(60)
    await context.close()
  }, 60_000)

  it('none runs in its posts and comments: not with its policies, which have nothing to stop, nor without them', async ({
    skip,
  }) => {
    const profiles = [await profile(skip), await profile(skip, true)]
    const pages = await Promise.all(profiles.map(({ context }) => signedIn(context)))
    await Promise.all(pages.map(shown))
    for (let at = 0; at < corpus.length; at += POSTS) {
      for (const text of corpus.slice(at, at + POSTS)) await post(text)
      await Promise.all(pages.map(shown))
    }
    expect(profiles.map(({ ran }) => ran)).toEqual([[], []])
    for (const { context } of profiles) await context.close()
  }, 120_000)

  it('none runs in its JSON, opened in a tab', async ({ skip }) => {
    const { context, ran } = await profile(skip)
    await context.setExtraHTTPHeaders({ authorization: `Bearer ${token}` })
    const page = await context.newPage()
    for (const path of ['/posts', '/posts/export', ...commented.map((id) => `/posts/${id}/comments`)]) {
      const answer = await page.goto(demo.addresses.api + path)
      expect([path, answer?.status()]).toEqual([path, 200])
      expect(await page.locator('img, svg, iframe, form, a').count()).toBe(0)
    }
    expect(ran).toEqual([])
    await context.close()
  })

  it('none runs in its refusals', async ({ skip }) => {
    const { context, ran } = await profile(skip)
    await context.setExtraHTTPHeaders({ authorization: `Bearer ${token}` })
    const { api, app } = demo.addresses
    const queue = corpus.map((text, at) => {
      const written = encodeURIComponent(text)
      return at % 2 === 0 ? `${api}/posts/${written}/comments?search=${written}` : `${app}/${written}?${written}`
    })
    const statuses = new Set<number>()
    const walk = async (): Promise<void> => {
      const page = await context.newPage()
      for (let url = queue.pop(); url !== undefined; url = queue.pop())
        statuses.add((await page.goto(url))?.status() ?? 0)
    }
    await Promise.all([walk(), walk(), walk(), walk()])
    expect([...statuses].every((status) => [400, 404, 414].includes(status))).toBe(true)
    expect(ran).toEqual([])
    await context.close()
  }, 120_000)
})
