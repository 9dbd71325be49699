import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '@portcullis/testing/free-port'
import type { FastifyInstance } from 'fastify'
import { afterAll, expect, it, onTestFinished } from 'vitest'

const root = join(import.meta.dirname, '../..')
const folder = join(import.meta.dirname, '../.portcullis', randomUUID())
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function blocks(guide: string): string[] {
  const text = readFileSync(join(root, 'docs/guides', `${guide}.md`), 'utf8')
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code)
}

async function paste<T>(code: string): Promise<T> {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `pasted-${randomUUID()}.ts`)
  writeFileSync(file, code)
  return (await import(/* @vite-ignore */ file)) as T
}

/** What a reader has around the code: accounts. */
const ACCOUNTS = `
type Account = { id: string; email: string; passwordHash: string; locked: boolean }
const rows: Account[] = []
export const accounts = {
  rows,
  byId: async (id: string) => rows.find((row) => row.id === id) ?? null,
  byEmail: async (email: string) => rows.find((row) => row.email === email) ?? null,
  async add(email: string, passwordHash: string) {
    if (!rows.some((row) => row.email === email)) rows.push({ id: 'user-' + rows.length, email, passwordHash, locked: false })
  },
  async setPassword(id: string, passwordHash: string) {},
}
`

it('the guide "Be your own issuer" runs when pasted, from registration to a transfer and log-out everywhere', async () => {
  const port = await freePort()
  const here = (code: string): string =>
    code
      .replace(/import pg from 'pg'\n/, '')
      .replace('postgresStore(new pg.Pool({ connectionString: process.env.DATABASE_URL }))', 'memoryStore()')
      .replace('  postgresStore,', '  memoryStore,')
      .replace("process.env.ISSUER_SECRET ?? ''", "'Zq3v8Yt1LmN0pXwR5sKd7uHj2GfB9cEa4iO6'")
      .replace('revocation: { redis }', 'revocation: {}')
      .replace("jwks: 'https://id.example.com/", `dangerouslyAllowHttp: true, jwks: 'http://127.0.0.1:${port}/`)
  const code = blocks('be-your-own-issuer').map(here)
  expect(code).toHaveLength(6)
  const { app, accounts } = await paste<{ app: FastifyInstance; accounts: { rows: { locked: boolean }[] } }>(
    `${code.slice(0, 5).join('\n')}\n${ACCOUNTS}\nexport { app }`,
  )
  onTestFinished(() => app.close())
  await app.listen({ port, host: '127.0.0.1' })
  const { api } = await paste<{ api: FastifyInstance }>(`${code[5] ?? ''}\nexport { api }`)
  onTestFinished(() => api.close())

  const alice = { email: 'alice@example.com', password: 'correct horse battery' }
  const post = (url: string, payload: object = {}, headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url, payload, headers })
  expect((await post('/register', { ...alice, password: 'short' })).statusCode).toBe(422)
  expect((await post('/register', alice)).statusCode).toBe(202)
  expect((await post('/login', { ...alice, password: 'wrong' })).json().code).toBe('PTC_ISSUER_SIGN_IN_REFUSED')

  const login = await post('/login', alice, { 'user-agent': 'Firefox' })
  expect(login.headers['cache-control']).toBe('no-store')
  expect(login.headers['set-cookie']).toMatch(
    /^__Host-refresh=[\w-]{43}; .*Path=\/; HttpOnly; Secure; SameSite=Strict$/,
  )
  const cookie = String(login.headers['set-cookie']).split(';')[0] ?? ''
  const refreshed = await post('/refresh', {}, { cookie })
  expect(refreshed.statusCode).toBe(200)
  const bearer = (answer: { json(): { access_token: string } }) => ({
    authorization: `Bearer ${answer.json().access_token}`,
  })
  const profile = await api.inject({ url: '/profile', headers: bearer(refreshed) })
  expect([profile.statusCode, profile.json()]).toEqual([200, { id: 'user-0' }])

  const list = await app.inject({ url: '/sessions', headers: bearer(refreshed) })
  expect(list.json()).toMatchObject([{ label: 'Firefox' }])

  expect((await post('/step-up', { password: 'wrong' }, bearer(refreshed))).statusCode).toBe(401)
  const stepped = await post('/step-up', { password: alice.password }, bearer(refreshed))
  const transfer = await api.inject({ method: 'POST', url: '/transfers', payload: {}, headers: bearer(stepped) })
  expect(transfer.json()).toEqual({ done: true })

  expect((await post('/logout-everywhere', {}, bearer(refreshed))).json()).toEqual({ sessions: 1, revoked: true })
  expect((await app.inject({ url: '/sessions', headers: bearer(stepped) })).statusCode).toBe(401)
  const next = String(refreshed.headers['set-cookie']).split(';')[0] ?? ''
  expect((await post('/refresh', {}, { cookie: next })).json().code).toBe('PTC_ISSUER_SESSION_ENDED')

  ;(accounts.rows[0] as { locked: boolean }).locked = true
  expect((await post('/login', alice)).json().code).toBe('PTC_ISSUER_SIGN_IN_REFUSED')
  const logout = await post('/logout', {}, { cookie })
  expect([logout.statusCode, logout.headers['set-cookie']]).toEqual([204, expect.stringContaining('__Host-refresh=;')])
}, 60_000)

it('the guide "Rotate keys" runs when pasted', async () => {
  const [register = '', byHand = '', leaked = ''] = blocks('rotate-keys')
  const start = `import issuer, { rotateKeys } from '@portcullis/issuer'
import Fastify from 'fastify'
let now = Date.now()
const app = Fastify()
`
  const options = register.replace("audience: 'https", "clock: () => now, audience: 'https")
  const { app, ring, fresh } = await paste<{
    app: FastifyInstance
    ring: { state: string }[]
    fresh: { kid: string }[]
  }>(`${start}${options}\nnow += 86_400_000\n${byHand}\n${leaked}\nexport { app, fresh, ring }`)
  onTestFinished(() => app.close())
  expect(ring.map(({ state }) => state)).toEqual(['current', 'next', 'retired'])
  const { keys } = (await app.inject('/.well-known/jwks.json')).json() as { keys: { kid: string }[] }
  expect(keys.map(({ kid }) => kid)).toEqual(fresh.map(({ kid }) => kid))
})
