/// <reference lib="dom" />
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { visitCookie } from '../src/browser-app/visit.ts'
import { seededUsers } from '../src/database/seed.ts'
import { refreshCookie } from '../src/user-service/refresh-cookie.ts'
import { startChromium } from './chromium.ts'
import { type StandingDemo, standDemo } from './standing-demo.ts'

type Credentials = { readonly username: string; readonly password: string }

let demo: StandingDemo
let browser: Browser | null = null
const log: string[] = []
beforeAll(async () => {
  demo = await standDemo({ logLevel: 'warn', logStream: { write: (line) => void log.push(line) } })
  browser = await startChromium([demo.addresses.app, demo.addresses.api], demo.ca)
})
afterAll(async () => {
  await browser?.close()
  await demo?.close()
})

/** The page, opened in a browser profile of its own, and what it complains about. */
async function openPage(skip: (note: string) => never): Promise<{ page: Page; complaints: string[] }> {
  if (browser === null) return skip('Chromium is not installed')
  const page = await (await browser.newContext()).newPage()
  const complaints: string[] = []
  // Without a session the page's first refresh is a 401, which the console tells of.
  page.on(
    'console',
    (line) => line.type() === 'error' && !/status of 401/.test(line.text()) && complaints.push(line.text()),
  )
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  await page.goto(demo.addresses.app)
  return { page, complaints }
}

async function signIn(page: Page, { username, password } = seededUsers[0] as Credentials): Promise<void> {
  await page.fill('#login [name=username]', username)
  await page.fill('#login [name=password]', password)
  await page.click('#login button')
  await page.waitForFunction((name) => document.querySelector('#who')?.textContent?.includes(name), username)
  await page.waitForSelector('#posts article')
}

const isSignedOut = (page: Page) =>
  page.waitForFunction(() => document.querySelector('#who')?.textContent === 'Not signed in.')

describe('the page, in Chromium', () => {
  it('signs in across origins, stays signed in over a reload, and signs out', async ({ skip }) => {
    const { page, complaints } = await openPage(skip)
    await signIn(page)
    expect(await page.textContent('#who')).toBe('masum · masum@example.com · user 101')

    const cookies = await page.context().cookies(demo.addresses.api)
    expect(cookies).toMatchObject([
      { name: refreshCookie, httpOnly: true, secure: true, sameSite: 'Strict', path: '/' },
    ])
    expect(await page.evaluate(() => document.cookie)).toBe('')

    await page.reload()
    await page.waitForFunction(() => document.querySelector('#who')?.textContent?.includes('masum'))
    await page.click('#logout')
    await isSignedOut(page)
    expect(await page.context().cookies(demo.addresses.api)).toEqual([])
    expect(complaints).toEqual([])
  })

  it('transfers money and says why it does not', async ({ skip }) => {
    const { page } = await openPage(skip)
    await signIn(page)
    const said = async (cents: string) => {
      await page.fill('#transfer [name=amount]', cents)
      await page.fill('#transfer [name=toAccount]', '1002')
      const answered = page.waitForResponse(
        (response) => response.url().endsWith('/transfer') && response.request().method() === 'POST',
      )
      await page.click('#transfer button')
      await answered
      await page.waitForFunction(() => document.querySelector('#status')?.textContent !== '')
      return page.textContent('#status')
    }
    expect(await said('250')).toBe('Sent 2.50 (250 cents) to account 1002.')
    expect(await said('99999999')).toBe('The balance does not cover this amount.')
  })

  it('asks for the password again when a transfer needs it, and goes on', async ({ skip }) => {
    const { page, complaints } = await openPage(skip)
    await signIn(page)
    await demo.sql(`update portcullis_issuer.sessions set auth_time = auth_time - interval '1 hour'`)
    await page.reload()
    await page.waitForSelector('#posts article')
    await page.fill('#transfer [name=amount]', '100')
    await page.fill('#transfer [name=toAccount]', '1002')
    await page.click('#transfer button')
    await page.waitForSelector('#step-up[open]')
    await page.click('#cancel')
    await page.waitForFunction(() => document.querySelector('#status')?.textContent === 'Nothing was done.')

    await page.click('#transfer button')
    await page.waitForSelector('#step-up[open]')
    await page.fill('#password-again [name=password]', 'not the password')
    await page.click('#password-again button')
    await page.waitForFunction(() => document.querySelector('#refused')?.textContent !== '')
    await page.fill('#password-again [name=password]', 'correct-horse-7')
    await page.click('#password-again button')
    await page.waitForFunction(() =>
      document.querySelector('#status')?.textContent?.startsWith('Sent 1.00 (100 cents)'),
    )
    expect(await page.locator('#step-up').getAttribute('open')).toBeNull()
    expect(complaints).toEqual([])
  })

  it('lists the sessions, ends one of them, and signs out everywhere', async ({ skip }) => {
    const [{ page, complaints }, { page: other }] = [await openPage(skip), await openPage(skip)]
    await demo.sql('delete from portcullis_issuer.sessions')
    await signIn(page)
    await signIn(other)
    const { cookie } = await demo.signIn(undefined, { headers: { 'user-agent': '<b>left behind</b>' } })

    await page.click('a[href="#sessions"]')
    await page.waitForFunction(() => document.querySelectorAll('#session-list li').length === 3)
    expect(await page.locator('#session-list li', { hasText: '(this one)' }).locator('button').count()).toBe(0)
    await page.locator('#session-list li', { hasText: '<b>left behind</b>' }).locator('button').click()
    await page.waitForFunction(() => document.querySelectorAll('#session-list li').length === 2)
    expect((await demo.call('POST', '/refresh', { headers: { cookie } })).status).toBe(401)

    await page.click('#everywhere')
    await isSignedOut(page)
    await other.click('a[href="#api-keys"]')
    await isSignedOut(other)
    expect(complaints).toEqual([])
  })

  it('makes an API key, shows it once, and withdraws it', async ({ skip }) => {
    const { page, complaints } = await openPage(skip)
    await signIn(page)
    await page.click('a[href="#api-keys"]')
    await page.fill('#new-key [name=name]', 'from the page')
    await page.check('#new-key [value="posts:read"]')
    await page.click('#new-key button')
    await page.waitForSelector('#made:not([hidden])')
    const key = (await page.textContent('#key')) as string
    const use = () => demo.call('GET', '/posts', { headers: { 'x-api-key': key } })
    expect((await use()).status).toBe(200)

    await page.reload()
    await page.waitForSelector('#key-list li')
    expect(await page.content()).not.toContain(key)
    expect(await page.textContent('#key-list li')).toContain('from the page')
    await page.click('#key-list button')
    await page.waitForFunction(() => document.querySelectorAll('#key-list li').length === 0)
    await expect.poll(async () => (await use()).status, { timeout: 8000, interval: 200 }).toBe(401)
    expect(complaints).toEqual([])
  })

  it('does nothing in the name of who has signed in meanwhile, in another tab', async ({ skip }) => {
    const { page } = await openPage(skip)
    await signIn(page)
    const tab = await page.context().newPage()
    await tab.goto(demo.addresses.app)
    await tab.waitForSelector('#posts article')
    await tab.click('#logout')
    await isSignedOut(tab)
    await signIn(tab, seededUsers[1])

    await page.fill('#post [name=title]', 'In my name')
    await page.fill('#post [name=body]', 'or in hers?')
    await page.click('#post button')
    await page.waitForFunction(
      () =>
        document.querySelector('#status')?.textContent !== '' ||
        document.querySelector('#posts h3')?.textContent === 'In my name',
    )
    expect(await page.textContent('#status')).toBe('Somebody else has signed in here: nothing was done.')
    expect(await page.textContent('#who')).toMatch(/^alice/)
    expect(await demo.sql(`select 1 from portcullis_users.posts where title = 'In my name'`)).toEqual([])
  })

  it('shows a title as the text it is, and rich text without what runs', async ({ skip }) => {
    const { page, complaints } = await openPage(skip)
    const title = '<img src=x onerror=alert(1)><script>alert(2)</script>'
    const { token } = await demo.signIn({ username: 'alice', password: 'battery-staple-9' })
    const body = `<b id="who" onclick="alert(3)">bold</b> <a href="javascript:alert(4)">link</a> ${title}`
    const { json: post } = await demo.call('POST', '/posts', { token, json: { title, body } })
    await demo.call('POST', `/posts/${post.id}/comments`, { token, json: { comment: `<i>said</i>${title}` } })
    await signIn(page)
    expect(await page.textContent('#posts article h3')).toBe(title)
    const article = page.locator('#posts article').first()
    expect(await article.locator('b').evaluate((one) => one.outerHTML)).toBe('<b>bold</b>')
    await article.locator('button', { hasText: 'Comments' }).click()
    expect(await article.locator('li i').textContent()).toBe('said')
    expect(await page.locator('#posts img, #posts script, #posts [href^=javascript]').count()).toBe(0)
    expect(complaints).toEqual([])
  })

  it('throws where a script writes text into its document as markup or as code', async ({ skip }) => {
    const { page } = await openPage(skip)
    await signIn(page)
    const written = await page.evaluate(() => {
      const text: any = '<img src=x onerror="document.title = 1">'
      const script = document.createElement('script')
      const later: (work: any) => unknown = setTimeout
      const ways: Record<string, () => unknown> = {
        innerHTML: () => (document.body.innerHTML = text),
        outerHTML: () => (document.body.outerHTML = text),
        insertAdjacentHTML: () => document.body.insertAdjacentHTML('beforeend', text),
        write: () => document.write(text),
        srcdoc: () => (document.createElement('iframe').srcdoc = text),
        fragment: () => document.createRange().createContextualFragment(text),
        DOMParser: () => new DOMParser().parseFromString(text, 'text/html'),
        'script.text': () => (script.text = 'document.title = 1' as any),
        'script.src': () => (script.src = 'data:text/javascript,document.title=1' as any),
        handler: () => document.body.setAttribute('onclick', 'document.title = 1'),
        timer: () => later('document.title = 1'),
        'a policy of its own': () => (globalThis as any).trustedTypes.createPolicy('mine', {}),
        'the page’s policy again': () => (globalThis as any).trustedTypes.createPolicy('rich-text', {}),
      }
      return Object.entries(ways).flatMap(([name, write]) => {
        try {
          write()
          return [name]
        } catch {
          return []
        }
      })
    })
    expect(written).toEqual([])
    expect(await page.title()).toBe('Portcullis demo')
    expect(await page.locator('#posts article').count()).toBeGreaterThan(0)
  })

  it('runs no script that somebody put into its document', async ({ skip }) => {
    const { page, complaints } = await openPage(skip)
    await page.route(`${demo.addresses.app}/`, async (route) => {
      const { headers, text } = await demo.call('GET', '/', { at: demo.addresses.app })
      const planted = [
        `<script>document.title = 'taken'</script>`,
        `<script nonce="guessed">document.title = 'taken'</script>`,
        `<script src="data:text/javascript,document.title='taken'"></script>`,
        `<img src="data:," onerror="document.title = 'taken'">`,
      ]
      const { 'content-length': _, ...fields } = headers as Record<string, string>
      await route.fulfill({ headers: fields, body: text.replace('</header>', `$&${planted.join('')}`) })
    })
    await page.reload()
    await page.waitForFunction(() => document.querySelector('header ~ img') !== null)
    expect(await page.title()).toBe('Portcullis demo')
    expect(complaints.filter((line) => /Content Security Policy/.test(line))).toHaveLength(4)

    // Its browser reports what was stopped, under the name of the visit.
    const [visit] = await page.context().cookies(demo.addresses.app)
    expect(visit).toMatchObject({ name: visitCookie, httpOnly: true, secure: true, sameSite: 'Strict', path: '/' })
    const reports = () => log.map((line) => JSON.parse(line)).filter((line) => line.visit === visit?.value)
    await expect.poll(() => reports().length, { timeout: 10_000 }).toBe(4)
    expect(reports().map(({ directive }) => directive)).toEqual(
      expect.arrayContaining(['script-src-elem', 'script-src-attr']),
    )
  })

  it('lets no page of a sibling origin read the API or act with its cookie', async ({ skip }) => {
    const { page } = await openPage(skip)
    await signIn(page)
    // A page of the same site, on an origin that the gateway does not know.
    const evil = await page.context().newPage()
    await evil.route('https://evil.portcullis.localhost/', (route) =>
      route.fulfill({ contentType: 'text/html', body: 'hello' }),
    )
    await evil.goto('https://evil.portcullis.localhost/')
    const outcome = await evil.evaluate(async (api) => {
      const tries = await Promise.allSettled([
        fetch(`${api}/refresh`, { method: 'POST', credentials: 'include' }),
        fetch(`${api}/logout`, { method: 'POST', credentials: 'include', mode: 'no-cors' }),
      ])
      return tries.map(({ status }) => status)
    }, demo.addresses.api)
    expect(outcome[0]).toBe('rejected')
    await page.reload()
    await page.waitForFunction(() => document.querySelector('#who')?.textContent?.includes('masum'))
  })
})
