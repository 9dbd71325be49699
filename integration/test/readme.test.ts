import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import security, { serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const folder = join(import.meta.dirname, '../.portcullis')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The TypeScript blocks of a document. */
function blocks(path: string): string[] {
  return [...readFileSync(join(root, path), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code)
}

/** What a reader has around the code: a key, a handler. */
const surroundings = `
import { generateKeyPairSync } from 'node:crypto'
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const publicKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
const profileOf = () => ({ id: 101 })
`

/** Pastes code into a file, and gives the app that it makes. */
async function paste(code: string): Promise<FastifyInstance> {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `pasted-${randomUUID()}.ts`)
  writeFileSync(file, `${surroundings}\n${code}\nexport { app, profileOf, publicKeyPem }\n`)
  const { app } = (await import(/* @vite-ignore */ file)) as { app: FastifyInstance }
  return app
}

it('the README secures an app in at most 15 lines that work when pasted', async () => {
  const [code = ''] = blocks('README.md')
  const whole = readFileSync(join(root, 'README.md'), 'utf8').split('```ts\n')[1]?.split('```')[0] ?? ''
  expect(whole.trim().split('\n').length).toBeLessThanOrEqual(15)
  const app = await paste(code)
  const secure = { 'x-forwarded-proto': 'https', origin: 'https://app.example.com' }
  const refused = await app.inject({ url: '/users/profile', headers: secure, remoteAddress: '10.0.0.1' })
  expect([refused.statusCode, refused.headers['www-authenticate'] !== undefined]).toEqual([401, true])
  expect(refused.headers['access-control-allow-origin']).toBe('https://app.example.com')
  expect((await app.inject({ url: '/health' })).json()).toEqual({ up: true })
})

it('the README shows the message of a mistake as it is', async () => {
  const app = Fastify(serverOptions())
  const options = {
    cors: { orgins: ['https://a.example'] },
    rateLimit: { policies: [{ name: 'a', limit: '100', window: 60 }] },
  }
  const message = await Promise.resolve(app.register(security, options as never)).then(
    () => '',
    (error: Error) => error.message,
  )
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(message)
})

it('the guide "Switch on room by room" runs when pasted', async () => {
  const [first = '', second = '', third = ''] = blocks('docs/guides/switch-on-room-by-room.md')
  const quiet = (code: string): string => code.replaceAll('logger: true', 'logger: false')
  const began = await paste(quiet(first))
  await began.ready()
  const code = second.replace(
    'jwt: { /* … */ }',
    "jwt: { key: publicKeyPem, algorithms: ['ES256'], issuer: 'i', audience: 'a' }",
  )
  const imports =
    "import security, { onSecurityEvent, serverOptions } from '@portcullis/security'\nimport Fastify from 'fastify'"
  const app = await paste(`${imports}\nconst app = Fastify(serverOptions())\n${code}\n${third}`)
  app.get('/', async () => 'through')
  expect((await app.inject('/')).body).toBe('through')
})

it('the guide "Protect a login" runs when pasted, and holds what it says', async () => {
  const code = blocks('docs/guides/protect-a-login.md').join('\n')
  const surrounding = "const passwordMatches = async (email: string, password: string) => password === 'right'\n"
  const app = (await paste(`${surrounding}${code}\nObject.assign(app, { alarms })`)) as FastifyInstance & {
    alarms: string[]
  }
  const post = (url: string, payload: object) => app.inject({ method: 'POST', url, payload })
  const attempt = (password: string, email = 'alice@example.com') => post('/login', { email, password })

  const fifty = await Promise.all(Array.from({ length: 50 }, (_, i) => attempt(`guess ${i}`)))
  expect(fifty.filter(({ statusCode }) => statusCode === 401)).toHaveLength(5)
  const refused = fifty.filter(({ statusCode }) => statusCode === 429)
  expect(refused).toHaveLength(45)
  expect(refused[0]?.json()).toMatchObject({ code: 'PTC_RATE_LIMIT_EXCEEDED', retryAfter: 1 })
  expect(app.alarms).toEqual(['pair 6'])

  for (let i = 0; i < 9; i++) expect((await attempt('right', 'bob@example.com')).statusCode).toBe(200)
  const forms = Array.from({ length: 9 }, () => post('/form', { email: 'carol@example.com', password: 'x' }))
  expect((await Promise.all(forms)).filter(({ statusCode }) => statusCode === 302)).toHaveLength(5)

  const support = await post('/support/unlock', { email: 'alice@example.com' })
  expect(support.json().worst[0]).toMatchObject({ policy: 'login.pair', refusals: 45 })
})
