import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { defineRoom, onSecurityEvent, serverOptions, type SecurityEvent } from '@portcullis/kernel'
import fc from 'fast-check'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, expect, it } from 'vitest'
import https, { plaintextAddress } from '../src/index.ts'
import { reportOnce } from '../src/reported-credentials.ts'
import { ask, tls } from './tls.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

async function listen(dangerouslyRedirectAll = false) {
  const app = Fastify(serverOptions({ https: tls })) as unknown as FastifyInstance
  open.push(app)
  await app.register(https, { hosts: ['api.example.com'], plaintext: { port: 0, dangerouslyRedirectAll } })
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => events.push(event))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { events, port: (plaintextAddress(app) as AddressInfo).port }
}
const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`

it('a client that goes on leaking is refused each time, and its credential is told once', async () => {
  const { port, events } = await listen()
  for (const headers of [
    { authorization: 'Bearer s3cret' },
    { authorization: 'Bearer s3cret' },
    { authorization: 'Bearer s3cret', cookie: 'session=1' },
    { authorization: basic('masum:secret') },
    { authorization: basic('masum:secret') },
    { authorization: basic('rahim:secret') },
  ]) {
    const answer = await ask(port, { path: '/', headers })
    expect([answer.status, answer.fields.location, JSON.parse(answer.body).code]).toEqual([
      403,
      undefined,
      'PTC_HTTPS_CREDENTIAL_EXPOSED',
    ])
  }
  expect(events.map(({ type, detail }) => [type, detail?.['credentials']])).toEqual([
    ['https.credential-exposed', [{ field: 'authorization', scheme: 'bearer', sha256: sha256('s3cret') }]],
    ['https.refused', undefined],
    ['https.credential-exposed', [{ field: 'cookie', sha256: sha256('session=1') }]],
    ['https.credential-exposed', [{ field: 'authorization', scheme: 'basic' }]],
    ['https.refused', undefined],
    ['https.credential-exposed', [{ field: 'authorization', scheme: 'basic' }]],
  ])
})

it('one that is redirected all the same is told once, too', async () => {
  const { port, events } = await listen(true)
  for (let turn = 0; turn < 2; turn++)
    expect((await ask(port, { path: '/', headers: { 'x-api-key': 'k' } })).status).toBe(301)
  expect(events.map(({ type }) => type)).toEqual(['https.credential-exposed', 'https.redirected'])
})

it('a user in the target is told once, whatever the path', () => {
  const tell = reportOnce(Buffer.alloc(32))
  const exposed = [{ field: 'user-info' }]
  expect(tell(exposed, {}, 'http://a:b@host/1')).toEqual(exposed)
  expect(tell(exposed, {}, 'http://a:b@host/2')).toEqual([])
  expect(tell(exposed, {}, 'http://a:c@host/1')).toEqual(exposed)
})

it('a flood of credentials makes it forget the oldest, and hold no more than its limit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 10 }),
      (sent, limit) => {
        const tell = reportOnce(Buffer.alloc(32), limit)
        let known: number[] = []
        for (const one of sent) {
          const told = tell([{ field: 'x', sha256: String(one) }], {}, '/').length === 1
          expect(told).toBe(!known.includes(one))
          if (told) known = [...known, one].slice(-limit)
        }
      },
    ),
  )
})

it('the field in which auth takes API keys counts as one with a credential, on public routes too', async () => {
  const auth = defineRoom<{ apiKeys?: object }>({
    concern: 'auth',
    optionsSchema: {
      type: 'object',
      additionalProperties: false,
      properties: { apiKeys: { accepts: ['object'], examples: [{}], description: 'How API keys are taken.' } },
    },
    setup: async () => ({ compile: () => ({}) }),
  })
  const made = async (guarded: boolean) => {
    const app = Fastify(serverOptions({ https: tls })) as unknown as FastifyInstance
    open.push(app)
    await app.register(https, { hosts: ['api.example.com'], plaintext: { port: 0 } })
    if (guarded) await app.register(auth, { apiKeys: { header: 'x-shop-key' } })
    app.get('/guarded', async () => 'ok')
    app.get('/public', { config: { security: { auth: guarded ? false : undefined } as never } }, async () => 'ok')
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = plaintextAddress(app) as AddressInfo
    const headers = { 'x-shop-key': 's3cret' }
    return Promise.all(
      ['/guarded', '/public', '/nothing'].map(async (path) => (await ask(port, { path, headers })).status),
    )
  }
  expect(await made(false)).toEqual([301, 301, 301])
  expect(await made(true)).toEqual([403, 403, 403])
})
