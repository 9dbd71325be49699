import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, expect, it } from 'vitest'
import { emptyPages, openSites, read } from './sites.ts'

const guide = readFileSync(join(import.meta.dirname, '../../../docs/guides/a-page-on-another-origin.md'), 'utf8')
const blocks = (language: string): string[] =>
  guide.split(`\`\`\`${language}\n`).flatMap((part, index) => (index === 0 ? [] : [part.split('```')[0] as string]))

const folder = join(import.meta.dirname, '.portcullis')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const { visit } = openSites([
  emptyPages('app.shop.example', 'evil.example'),
  {
    hosts: ['api.shop.example'],
    async app({ key, cert }) {
      mkdirSync(folder, { recursive: true })
      for (const [name, text] of Object.entries({ 'api.key': key, 'api.pem': cert })) {
        writeFileSync(join(folder, name), text, { mode: 0o600 })
      }
      const pasted = blocks('ts')
        .join('\n')
        .replaceAll(/'(api\.\w+)'/g, (whole, name: string) => (name === 'api.shop' ? whole : `'${join(folder, name)}'`))
      const file = join(folder, 'api.ts')
      writeFileSync(file, `${pasted}\nexport { app }\n`)
      const { app } = (await import(/* @vite-ignore */ file)) as { app: FastifyInstance }
      return app
    },
  },
])

// Before the page, which spends the quota.
it('a foreign page gets from the API of the guide what the guide gives to everybody', async () => {
  const page = await visit('https://evil.example')
  for (const [path, method] of [
    ['/orders', 'GET'],
    ['/orders/1', 'PUT'],
    ['/transfer', 'POST'],
  ] as const) {
    expect(await read(page, `https://api.shop.example${path}`, { method })).toBeNull()
  }
  expect(await read(page, 'https://api.shop.example/status')).toMatchObject({ status: 200, body: 'up' })
  await page.setContent('<img src="https://api.shop.example/logo.svg">')
  expect(await page.evaluate("document.images[0].decode().then(() => 'shown', () => 'nothing to show')")).toBe('shown')
})

it('the page of the guide reads, writes, and is told why and for how long it is refused', async () => {
  const page = await visit('https://app.shop.example')
  await page.addScriptTag({ content: blocks('js')[0] as string })
  const ask = (call: string): Promise<unknown> =>
    page.evaluate(`${call}.catch(({ code, retryAfter }) => ({ code, retryAfter }))`)
  expect(await ask("ask('/orders')")).toEqual([{ id: 1, total: 1999 }])
  const put = "ask('/orders/1', { method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{}' })"
  expect(await ask(put)).toEqual({ saved: true })
  expect(await ask("ask('/nothing')")).toMatchObject({ code: 'PTC_NOT_FOUND' })
  expect(await ask("Promise.all(Array.from({ length: 100 }, () => ask('/orders')))")).toEqual({
    code: 'PTC_RATE_LIMIT_EXCEEDED',
    retryAfter: expect.toSatisfy((seconds: number) => seconds > 0 && seconds <= 60),
  })
})
