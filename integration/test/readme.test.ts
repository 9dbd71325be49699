import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import security, { describeSecurity, onSecurityEvent, serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const given = {
  security,
  serverOptions,
  onSecurityEvent,
  describeSecurity,
  Fastify,
  publicKeyPem: generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }),
  profileOf: () => ({ id: 101 }),
}

/** The TypeScript blocks of a document, without their imports. */
function blocks(path: string): string[] {
  const text = readFileSync(join(root, path), 'utf8')
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code.replaceAll(/^import .*\n/gm, ''))
}

/** Runs code as a reader would paste it, and gives the app that it made. */
async function paste(code: string): Promise<FastifyInstance> {
  const body = `${stripTypeScriptTypes(code)}\nreturn app`
  const run = new Function(...Object.keys(given), `return (async () => { ${body} })()`) as (
    ...values: unknown[]
  ) => Promise<FastifyInstance>
  return run(...Object.values(given))
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

it('the guide "Switch on room by room" works when pasted', async () => {
  const [first = '', second = '', third = ''] = blocks('docs/guides/switch-on-room-by-room.md')
  const quiet = (code: string): string => code.replaceAll('logger: true', 'logger: false')
  const began = await paste(quiet(first))
  await began.ready()
  const code = second.replace(
    'jwt: { /* … */ }',
    "jwt: { key: publicKeyPem, algorithms: ['ES256'], issuer: 'i', audience: 'a' }",
  )
  const app = await paste(`const app = Fastify(serverOptions())\n${code}\n${third}`)
  app.get('/', async () => 'through')
  expect((await app.inject('/')).body).toBe('through')
})
