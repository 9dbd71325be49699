import { connect, type AddressInfo } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { onSecurityEvent, serverOptions, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import https, { plaintextAddress } from '../src/index.ts'
import { ask, certificates, tls } from './tls.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

/** The redirect that people write by hand: every plaintext request, to wherever its Host says. */
async function handWritten(trustProxy: boolean | string[] = false): Promise<{ plain: number; arrived: string[] }> {
  const app = Fastify({ trustProxy })
  open.push(app)
  const arrived: string[] = []
  app.addHook('onRequest', (request, reply, done) => {
    if (request.protocol === 'https') return done()
    void reply.redirect(`https://${request.host}${request.url}`, 301)
  })
  app.get('/orders', async () => arrived.push('GET'))
  app.post('/orders', async () => arrived.push('POST'))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { plain: (app.server.address() as AddressInfo).port, arrived }
}

async function ours(trustProxy: false | string[] = false) {
  const app = Fastify(serverOptions({ https: tls, trustProxy })) as unknown as FastifyInstance
  open.push(app)
  await app.register(https, { hosts: ['api.example.com'], plaintext: { port: 0 } })
  const arrived: string[] = []
  app.get('/orders', async () => arrived.push('GET'))
  app.post('/orders', async () => arrived.push('POST'))
  const events: SecurityEvent[] = []
  onSecurityEvent(app, (event) => events.push(event))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    plain: (plaintextAddress(app) as AddressInfo).port,
    port: (app.server.address() as AddressInfo).port,
    arrived,
    events,
  }
}

/** Raw bytes, for what a client library would not send; resolves with all that comes back. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.end(text))
    let answer = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => (answer += chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}
const locationIn = (answer: string) => /^location: (.*)\r$/im.exec(answer)?.[1]

describe('an attacker', () => {
  it('poisons the redirect by a Host of their own', async () => {
    const headers = { host: 'evil.example' }
    expect((await ask((await handWritten()).plain, { path: '/orders', headers })).fields.location).toBe(
      'https://evil.example/orders',
    )
    expect((await ask((await ours()).plain, { path: '/orders', headers })).fields.location).toBe(
      'https://api.example.com/orders',
    )
  })

  it('poisons the redirect by X-Forwarded-Host', async () => {
    const headers = { 'x-forwarded-host': 'evil.example' }
    const theirs = await handWritten(['127.0.0.1'])
    expect((await ask(theirs.plain, { path: '/orders', headers })).fields.location).toBe('https://evil.example/orders')
    const { plain } = await ours(['127.0.0.1'])
    expect((await ask(plain, { path: '/orders', headers })).fields.location).toBe('https://api.example.com/orders')
  })

  it('turns the path into user information of the wrong host', async () => {
    // `https://` + `api.example.com` + `@evil.example/` would be a URL of evil.example.
    const request = 'GET /@evil.example/ HTTP/1.1\r\nHost: api.example.com:x@evil.example\r\nConnection: close\r\n\r\n'
    expect(new URL(locationIn(await raw((await handWritten()).plain, request)) as string).hostname).toBe('evil.example')
    expect(new URL(locationIn(await raw((await ours()).plain, request)) as string).hostname).toBe('api.example.com')
  })

  it.each(['//evil.example/', '/\\evil.example/', '/%0d%0aset-cookie:a=b', '/.evil.example'])(
    'finds no way out of the host by the path %s',
    async (path) => {
      const answer = await raw(
        (await ours()).plain,
        `GET ${path} HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n`,
      )
      expect(new URL(locationIn(answer) as string).host).toBe('api.example.com')
      expect(answer).not.toMatch(/^set-cookie/im)
    },
  )

  it('breaks the redirect by an absolute-form target', async () => {
    const request = 'GET http://evil.example/orders?a=b HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n'
    const theirs = locationIn(await raw((await handWritten()).plain, request))
    expect(theirs).toBe('https://api.example.comhttp://evil.example/orders?a=b')
    expect(locationIn(await raw((await ours()).plain, request))).toBe('https://api.example.com/orders?a=b')
  })

  it('reads a credential and nobody notices, because the client is quietly sent on', async () => {
    for (const headers of [
      { authorization: 'Bearer s3cret' },
      { cookie: 'session=s3cret' },
      { 'x-api-key': 's3cret' },
    ]) {
      expect((await ask((await handWritten()).plain, { path: '/orders', headers })).status).toBe(301)
      const { plain, events } = await ours()
      expect((await ask(plain, { path: '/orders', headers })).status).toBe(403)
      expect(events.map(({ type }) => type)).toEqual(['https.credential-exposed'])
    }
  })

  it('reads a credential in the query, which the redirect repeats', async () => {
    const path = '/orders?access_token=s3cret'
    expect((await ask((await handWritten()).plain, { path })).fields.location).toContain('s3cret')
    const answer = await ask((await ours()).plain, { path })
    expect(answer.status).toBe(403)
    expect(JSON.stringify(answer)).not.toContain('s3cret')
  })

  it('watches a POST turn into a GET', async () => {
    expect((await ask((await handWritten()).plain, { method: 'POST', path: '/orders', body: '{}' })).status).toBe(301)
    const { plain, arrived } = await ours()
    const answer = await ask(plain, { method: 'POST', path: '/orders', body: '{}' })
    expect([answer.status, answer.fields.location, arrived]).toEqual([403, undefined, []])
  })

  it('has a body sent in the clear that is refused anyway', async () => {
    const head =
      'POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n'
    expect(await raw((await handWritten()).plain, head)).toMatch(/^HTTP\/1\.1 100 Continue/)
    expect(await raw((await ours()).plain, head)).toMatch(/^HTTP\/1\.1 403 /)
  })

  it('claims to be the proxy', async () => {
    const headers = { 'x-forwarded-proto': 'https' }
    const theirs = await handWritten(true)
    await ask(theirs.plain, { path: '/orders', headers })
    expect(theirs.arrived).toEqual(['GET'])
    for (const trustProxy of [false, ['10.0.0.1']] as const) {
      const { plain, arrived } = await ours(trustProxy === false ? false : [...trustProxy])
      expect((await ask(plain, { path: '/orders', headers })).status).toBe(301)
      expect(arrived).toEqual([])
    }
  })

  it('loses the user of a proxy that writes HTTPS in a redirect loop', async () => {
    const headers = { 'x-forwarded-proto': 'HTTPS' }
    expect((await ask((await handWritten(['127.0.0.1'])).plain, { path: '/orders', headers })).status).toBe(301)
    const { plain, arrived } = await ours(['127.0.0.1'])
    expect((await ask(plain, { path: '/orders', headers })).status).toBe(200)
    expect(arrived).toEqual(['GET'])
  })

  it('has fields echoed by TRACE', async () => {
    const answer = await ask((await ours()).plain, {
      method: 'TRACE',
      path: '/orders',
      headers: { cookie: 'session=s3cret' },
    })
    expect(answer.status).toBe(403)
    expect(JSON.stringify(answer)).not.toContain('s3cret')
  })

  it('opens a WebSocket in the clear', async () => {
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
      'sec-websocket-version': '13',
    }
    const { plain } = await ours()
    expect((await ask(plain, { path: '/orders', headers })).status).toBe(403)
  })

  it('sends no Host, so that the answer has to guess', async () => {
    const answer = await raw((await ours()).plain, 'GET /orders HTTP/1.1\r\nConnection: close\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(locationIn(answer)).toBeUndefined()
  })

  it('speaks plaintext to the TLS port and gets no answer', async () => {
    const { port, arrived } = await ours()
    expect(await raw(port, 'GET /orders HTTP/1.1\r\nHost: x\r\n\r\n').catch(() => '')).not.toContain('HTTP/1.1 200')
    expect(arrived).toEqual([])
  })

  it('talks a client down to TLS 1.1', async () => {
    const { port } = await ours()
    const old = {
      host: '127.0.0.1',
      port,
      ca: certificates.ca,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const
    const socket = connectTls(old)
    const error = await new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve))
    expect(error.code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
  })

  it('has a browser store HSTS from plaintext, where anyone on the path may write it', async () => {
    const answer = await ask((await ours()).plain, { path: '/orders' })
    expect(answer.fields['strict-transport-security']).toBeUndefined()
  })
})
