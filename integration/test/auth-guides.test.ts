import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { API, apiClient, RunningProvider } from './oidc-provider.ts'

const root = join(import.meta.dirname, '../..')
const folder = join(import.meta.dirname, '../dist/auth-guides')
let provider: RunningProvider
beforeAll(async () => {
  provider = await RunningProvider.start()
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await provider.stop()
})

/** The TypeScript blocks of a guide, pasted one behind the other. */
async function pasted<Exports>(
  guide: string,
  exports: string,
  edit = (code: string): string => code,
): Promise<Exports> {
  const text = readFileSync(join(root, 'docs/guides', guide), 'utf8')
  const code = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block = '']) => block).join('\n')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `pasted-${randomUUID()}.ts`)
  writeFileSync(file, `${edit(code)}\nexport { ${exports} }\n`)
  return (await import(/* @vite-ignore */ file)) as Exports
}

it('the guide "API keys" runs when pasted, and holds what it says', async () => {
  const { app, makeKey, replaceKey, table, lastUsed } = await pasted<{
    app: FastifyInstance
    makeKey(owner: string, days: number): string
    replaceKey(id: string): string
    table: { id: string }[]
    lastUsed: Map<string, number>
  }>('api-keys.md', 'app, makeKey, replaceKey, table, lastUsed')
  const get = (key: string) => app.inject({ url: '/invoices', headers: { 'x-api-key': key } })
  const key = makeKey('billing', 90)
  const id = table[0]?.id ?? ''
  const text = readFileSync(join(root, 'docs/guides/api-keys.md'), 'utf8')
  const scanned = new RegExp(`^${/`(shop_\[.*?)`/.exec(text)?.[1]}$`)
  expect(key).toMatch(scanned)
  expect((await get(key)).json()).toEqual({ of: 'billing' })
  expect((await get(`${key.slice(0, -1)}${key.endsWith('x') ? 'y' : 'x'}`)).statusCode).toBe(401)
  expect((await app.inject(`/invoices?x-api-key=${key}`)).statusCode).toBe(401)

  // Another key of the same owner has a quota of its own.
  const other = makeKey('billing', 90)
  expect((await get(other)).statusCode).toBe(200)
  expect([(await get(key)).statusCode, (await get(key)).statusCode, (await get(key)).statusCode]).toEqual([
    200, 200, 429,
  ])
  expect((await get(other)).statusCode).toBe(200)

  const fresh = makeKey('orders', 90)
  const next = replaceKey(table.at(-1)?.id ?? '')
  expect([(await get(fresh)).statusCode, (await get(next)).statusCode]).toEqual([200, 200])
  await app.close()
  expect(lastUsed.has(id)).toBe(true)
})

it('the guide "Bring your identity provider" runs when pasted, with a certified provider', async () => {
  const edit = (code: string): string =>
    code
      // Two imports of one module, as a reader has them in two files.
      .replaceAll("audience: 'https://api.example.com'", `audience: '${API.jwt}'`)
      .replaceAll('https://id.example.com/introspect', provider.server.introspection_endpoint as string)
      .replaceAll("'https://id.example.com'", `'${provider.issuer}'`)
      .replaceAll('https://partner.example.com', 'http://localhost:1')
      .replaceAll(/(discovery: true|rolesClaim: 'groups')/g, '$1, dangerouslyAllowHttp: true')
      .replaceAll(
        "clientSecret: 'from your configuration'",
        `clientSecret: '${apiClient.secret}', dangerouslyAllowHttp: true`,
      )
      .replace(/(introspection: \{[\s\S]*?)audience: '[^']*'/, `$1audience: '${API.opaque}'`)
  const { app, opaque, partners, answer } = await pasted<
    Record<'app' | 'opaque' | 'partners', FastifyInstance> & { answer: { json(): unknown } }
  >('bring-your-identity-provider.md', 'app, opaque, partners, answer', edit)
  const get = (at: FastifyInstance, token: string) =>
    at.inject({ url: '/orders', headers: { authorization: `Bearer ${token}` } })

  expect(answer.json()).toEqual({ of: 'alice' })
  const jwt = await provider.signIn('erin', API.jwt, 'orders:read')
  expect((await get(app, jwt.access_token)).json()).toEqual({ of: 'erin' })
  const token = await provider.signIn('frank', API.opaque, 'orders:read')
  expect((await get(opaque, token.access_token)).json()).toEqual({ of: 'frank' })
  const headers = { authorization: `Bearer ${jwt.access_token}` }
  const transfer = await app.inject({ method: 'POST', url: '/transfers', headers })
  expect([transfer.statusCode, transfer.headers['www-authenticate']]).toEqual([
    401,
    expect.stringContaining('error="insufficient_user_authentication"'),
  ])
  expect(transfer.headers['www-authenticate']).toContain('max_age="300"')
  expect((await app.inject('/.well-known/oauth-protected-resource')).json()).toMatchObject({
    authorization_servers: [provider.issuer],
  })
  await Promise.all([app, opaque, partners].map((one) => one.close()))
}, 30_000)
