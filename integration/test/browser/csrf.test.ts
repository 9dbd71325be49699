/// <reference lib="dom" />
import { createHash } from 'node:crypto'
import type { Page } from 'playwright-core'
import { beforeEach, describe, expect, it } from 'vitest'
import { attacks } from './csrf-attacks.ts'
import {
  attackers,
  banks,
  BARE,
  BESIDE,
  done,
  FOREIGN,
  OURS,
  PARTNER,
  refused,
  running,
  SIBLING,
  THEIRS,
} from './csrf-bank.ts'
import { openSites, read } from './sites.ts'

const { visit } = openSites([...banks, attackers])

beforeEach(() => {
  done.length = 0
  refused.length = 0
})

/** A page of the origin, in a profile that is signed in at the banks: once as Strict, once as None. */
async function signedIn(origin: string): Promise<Page> {
  const page = await visit(origin)
  const of = (url: string) => ({ url, value: 'victim', httpOnly: true, secure: true })
  await page.context().addCookies(
    [BARE, OURS, THEIRS].flatMap((bank) => [
      { ...of(bank), name: '__Host-session', sameSite: 'Strict' as const },
      { ...of(bank), name: 'none-session', sameSite: 'None' as const },
    ]),
  )
  return page
}

/** Not `setContent`, which waits for frames and pictures. */
const show = (page: Page, markup: string): Promise<void> =>
  page
    .evaluate((text) => {
      document.open()
      document.write(text)
      document.close()
    }, markup)
    // The page is left before the script that left it has ended.
    .catch(() => undefined)

const until = (what: () => unknown): Promise<void> => expect.poll(what, { timeout: 10_000 }).toBe(true)

const cases = [
  ...attacks.filter(({ across }) => across).map((attack) => ['another site', attack.name, FOREIGN, attack] as const),
  ...attacks.map((attack) => ['a sibling sub-domain', attack.name, SIBLING, attack] as const),
]

it.each(cases)(
  'a page of %s attacks an unprotected bank with %s, and not ours',
  async (_from, _how, origin, attack) => {
    const page = await signedIn(origin)
    const other = await page.context().newPage()
    await other.goto(origin)
    await Promise.all([show(page, attack.page(BARE)), show(other, attack.page(OURS))])
    await until(() => done.includes(`${BARE} ${attack.does}`) && refused.length > 0)
    expect(done.filter((deed) => deed.startsWith(OURS))).toEqual([])
    expect(refused.every((reason) => reason === 'origin' || reason === 'site')).toBe(true)
  },
)

it('a form that our bank has refused is refused again when the page is loaded again', async () => {
  const page = await signedIn(FOREIGN)
  const form = attacks.find(({ name }) => name === 'a form without a referrer')
  await show(page, form?.page(OURS) ?? '')
  await until(() => refused.length === 1)
  await page.waitForURL(`${OURS}/transfer`)
  await page.reload()
  await until(() => refused.length === 2)
  expect([done, refused]).toEqual([[], ['site', 'site']])
})

it('shows at least 40 attacks', () => {
  expect(cases.length).toBeGreaterThanOrEqual(40)
})

describe('a sibling that plants cookies', () => {
  /** What `@fastify/csrf` computes without any key. */
  const secret = 'planted-by-the-sibling'
  const hash = createHash('sha256').update(`saltsalt-${secret}`).digest('base64')
  const token = `saltsalt-${hash.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')}`
  const form = (bank: string, field: string, value: string): string =>
    `<form method="post" action="${bank}/transfer"><input name="amount" value="5000"><input name="toAccount" value="666">
     <input name="${field}" value="${value}"></form><script>document.forms[0].submit()</script>`

  it('empties the account behind the default of @fastify/csrf-protection, and not ours', async () => {
    const page = await signedIn(SIBLING)
    // The longer path is sent first, and read first.
    await page.evaluate((value) => {
      document.cookie = `_csrf=${value}; domain=bank.test; path=/transfer; secure`
    }, secret)
    await show(page, form(THEIRS, '_csrf', token))
    await until(() => done.includes(`${THEIRS} moved 5000 to 666 by POST`))
    done.length = 0
    const other = await page.context().newPage()
    await other.goto(SIBLING)
    await show(other, form(OURS, 'csrf_token', token))
    await until(() => refused.length > 0)
    expect([done, refused]).toEqual([[], ['origin']])
  })

  it('cannot plant the cookie that our tokens are bound to, nor one that passes for it', async () => {
    const own = await (running.ours as NonNullable<typeof running.ours>).inject('/csrf-token')
    const [name = '', value = ''] = String(own.headers['set-cookie']).split(/[=;]/)
    const page = await visit(SIBLING)
    await page.evaluate(
      ([cookie, content]) => {
        for (const spelling of [cookie, `\u00a0${cookie}`, cookie?.toLowerCase(), ` ${cookie}`, `=${cookie}`])
          document.cookie = `${spelling}=${content}; domain=bank.test; path=/; secure`
      },
      [name, value],
    )
    // What the browser sends to us, sent again by a client that says nothing of where it comes from.
    const cookies = await page.context().cookies(OURS)
    const cookie = cookies.map((one) => `${one.name}=${one.value}`).join('; ')
    const headers = {
      cookie: `${cookie}; __Host-session=`,
      'x-csrf-token': own.json<{ csrf_token: string }>().csrf_token,
    }
    const answer = await running.ours?.inject({ method: 'POST', url: '/transfer', headers })
    expect(answer?.json()).toMatchObject({ code: 'PTC_CSRF_TOKEN_INVALID' })
    expect(cookies.map((one) => one.name)).not.toContain(name)
  })
})

describe('what is meant', () => {
  const PAID = [`${OURS} moved 20 to 7 by POST`]
  const body = JSON.stringify({ amount: '20', toAccount: '7' })
  const headers = { 'content-type': 'application/json' }

  it.each(['/', '/?hidden'])('passes as a form of our own page %s', async (path) => {
    const page = await signedIn(`${OURS}${path}`)
    await page.locator('button').click()
    await until(() => done.length > 0)
    expect([done, refused]).toEqual([PAID, []])
  })

  it('passes as a fetch of our own page, with and without a token', async () => {
    const page = await signedIn(OURS)
    expect(await read(page, `${OURS}/transfer`, { method: 'POST', headers, body })).toMatchObject({ status: 200 })
    const given = await read(page, `${OURS}/csrf-token`)
    const { csrf_token: token } = JSON.parse(given?.body ?? '') as { csrf_token: string }
    const shown = { method: 'POST', headers: { ...headers, 'x-csrf-token': token }, body }
    expect(await read(page, `${OURS}/transfer`, shown)).toMatchObject({ status: 200 })
    expect([done, refused]).toEqual([[...PAID, ...PAID], []])
  })

  it.each(['PUT', 'PATCH', 'DELETE'])('passes as %s of our own page', async (method) => {
    const page = await signedIn(OURS)
    expect(await read(page, `${OURS}/transfer`, { method, headers, body })).toMatchObject({ status: 200 })
    expect([done, refused]).toEqual([[`${OURS} moved 20 to 7 by ${method}`], []])
  })

  it('passes as a fetch with credentials of a page on a listed origin', async () => {
    const page = await signedIn(BESIDE)
    const init = { method: 'POST', headers, body, credentials: 'include' } as const
    expect(await read(page, `${OURS}/transfer`, init)).toMatchObject({ status: 200 })
    expect([done, refused]).toEqual([PAID, []])
  })

  it('passes as a form of a page on a listed origin of another site', async () => {
    const page = await signedIn(PARTNER)
    await show(
      page,
      `<form method="post" action="${OURS}/transfer"><input name="amount" value="20"><input name="toAccount" value="7"></form>
       <script>document.forms[0].submit()</script>`,
    )
    await until(() => done.length > 0)
    expect([done, refused]).toEqual([PAID, []])
  })

  it('passes as a WebSocket of our own page', async () => {
    const page = await signedIn(OURS)
    await page.evaluate(() => void new WebSocket('/feed'))
    await until(() => done.length > 0)
    expect([done, refused]).toEqual([[`${OURS} read the feed`], []])
  })

  it('passes as a link, a picture and a fetch that only read, from every site', async () => {
    const page = await signedIn(FOREIGN)
    await page.evaluate(
      (url) => fetch(url, { mode: 'no-cors', credentials: 'include' }).then(() => 'read'),
      `${OURS}/account`,
    )
    await show(page, `<a href="${OURS}/account">The account</a>`)
    await page.locator('a').click()
    await page.waitForURL(`${OURS}/account`)
    expect(await page.textContent('body')).toBe('The account')
    expect([done, refused]).toEqual([[], []])
  })

  it('passes as a client that is no browser, with its own credential', async () => {
    const asked = { method: 'POST', url: '/transfer', payload: { amount: '20' } } as const
    const answer = await running.ours?.inject({ ...asked, headers: { authorization: 'Bearer of-its-own' } })
    // The bank knows no bearer tokens: it was the bank that answered.
    expect([answer?.statusCode, refused]).toEqual([401, []])
  })
})
