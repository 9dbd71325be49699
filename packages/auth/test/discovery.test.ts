import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import auth, { type JwtOptions } from '../src/index.ts'
import { get } from './apps.ts'
import { audience } from './forge.ts'
import { IdentityProvider, makeKey } from './identity-provider.ts'
import { verifying } from './verifying.ts'

let provider: IdentityProvider
beforeEach(async () => void (provider = await IdentityProvider.start()))
afterEach(() => provider.stop())

async function appOf(jwt: JwtOptions) {
  const lines: Record<string, unknown>[] = []
  const stream = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) }
  const app = Fastify({ logger: { level: 'warn', stream } })
  await app.register(auth, { jwt })
  app.get('/any', { config: { security: { auth: {} } } }, async ({ security }) => security.identity)
  await app.ready()
  return { app, lines }
}

const options = (): JwtOptions => ({
  issuer: provider.origin,
  audience,
  discovery: true,
  algorithms: ['ES256'],
  ca: provider.ca,
})

describe('an issuer that is asked where its keys are', () => {
  it('has its tokens verified', async () => {
    const { app } = await appOf(options())
    const answer = await get(app, '/any', `Bearer ${provider.token()}`)
    expect(answer.json()).toMatchObject({ subject: 'user-101', scopes: ['profile:read'] })
    const bogus = await get(app, '/any', `Bearer ${provider.token(makeKey('x'))}`)
    expect([bogus.statusCode, bogus.headers['www-authenticate']]).toEqual([
      401,
      'Bearer realm="api", error="invalid_token"',
    ])
    await app.close()
  })

  it.each([
    ['another issuer', () => ({ issuer: 'https://id.example.com' }), 'describes another issuer'],
    ['its own name with a slash', () => ({ issuer: `${provider.origin}/` }), 'describes another issuer'],
    ['no issuer', () => ({ issuer: undefined }), 'describes another issuer'],
    ['keys at another origin', () => ({ jwks_uri: 'https://id.example.com/keys' }), 'at another origin'],
    ['keys inside our network', () => ({ jwks_uri: 'https://169.254.169.254/latest' }), 'at another origin'],
    ['keys at another port', () => ({ jwks_uri: 'https://localhost:1/keys' }), 'at another origin'],
    ['keys over plain http', () => ({ jwks_uri: 'http://localhost/keys' }), 'no jwks_uri that is https'],
    ['keys in a file', () => ({ jwks_uri: 'file:///etc/passwd' }), 'no jwks_uri that is https'],
    ['no keys', () => ({ jwks_uri: undefined }), 'no jwks_uri that is https'],
  ])('and names %s: the app does not boot', async (_name, description, sentence) => {
    provider.description = description()
    await expect(appOf(options())).rejects.toMatchObject({
      code: 'PTC_AUTH_ISSUER_CONTRADICTS',
      message: expect.stringContaining(sentence),
    })
    expect(provider.asked.keys).toBe(0)
  })

  it('is away at boot: the app boots, its tokens get 503 and verify once it is back', async () => {
    provider.instead = (_request, response) => void response.writeHead(503).end()
    const { app, lines } = await appOf(options())
    expect(lines.some(({ msg }) => String(msg).includes('could not be fetched yet'))).toBe(true)
    const answer = await get(app, '/any', `Bearer ${provider.token()}`)
    expect(answer.json()).toMatchObject({ status: 503, code: 'PTC_AUTH_UNAVAILABLE' })
    expect(answer.headers['www-authenticate']).toBeUndefined()
    await app.close()
  })

  it('goes away after boot: listeners are told, and its known key still verifies', async () => {
    const clock = { ahead: 0 }
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const app = Fastify()
      const events: SecurityEvent[] = []
      onSecurityEvent(app, (event) => void events.push(event))
      // Boot waits for nothing that a fake timer brings.
      await app.register(auth, { jwt: { ...options(), clock: () => Date.now() + clock.ahead } })
      app.get('/any', { config: { security: { auth: {} } } }, async () => 'ok')
      await app.ready()
      provider.instead = (_request, response) => void response.writeHead(500).end()
      clock.ahead = 600_000
      vi.advanceTimersByTime(590_000)
      while (events.length === 0) await new Promise((resolve) => setImmediate(resolve))
      expect(events).toMatchObject([{ type: 'auth.interrupted', detail: { reason: 'keys', issuer: provider.origin } }])
      expect((await get(app, '/any', `Bearer ${provider.token()}`)).statusCode).toBe(200)
      await app.close()
    } finally {
      vi.useRealTimers()
    }
  })

  it('answers over plain http on this machine, if the options allow it, and the log says so', async () => {
    const key = makeKey('key-1')
    const served = Fastify()
    const described = { issuer: '', jwks_uri: '' }
    served.get('/.well-known/openid-configuration', async () => described)
    served.get('/keys', async () => ({ keys: [{ ...key.publicKey.export({ format: 'jwk' }), kid: 'key-1' }] }))
    const origin = await served.listen({ host: '127.0.0.1', port: 0 })
    Object.assign(described, { issuer: origin, jwks_uri: `${origin}/keys` })
    const plain: JwtOptions = { issuer: origin, audience, discovery: true, algorithms: ['ES256'] }
    const { app, lines } = await appOf({ ...plain, dangerouslyAllowHttp: true })
    expect((await get(app, '/any', `Bearer ${provider.token(key, { iss: origin })}`)).statusCode).toBe(200)
    expect(lines.some(({ msg }) => String(msg).includes('dangerouslyAllowHttp is on'))).toBe(true)
    await app.close()
    await served.close()
    await expect(appOf(plain)).rejects.toMatchObject({ mistakes: [{ path: 'jwt.issuer', rule: 'unsafe-url' }] })
  })

  it('moves its keys: they are found at their new place', async () => {
    const verifier = verifying(provider, { discovery: true })
    await verifier.keys.start()
    provider.description = { jwks_uri: `${provider.origin}/elsewhere` }
    // The same name, so the same ETag, which means nothing at another place.
    provider.keys = [makeKey('key-1')]
    await verifier.pass(7200)
    expect(await verifier.verify(provider.token())).toBe('user-101')
    expect(provider.asked.description).toBeGreaterThanOrEqual(2)
  })

  it('contradicts itself later: known keys stay in use', async () => {
    const verifier = verifying(provider, { discovery: true })
    await verifier.keys.start()
    provider.description = { issuer: 'https://evil.test' }
    await verifier.pass(7200)
    expect(verifier.failures.length).toBeGreaterThan(0)
    expect(await verifier.verify(provider.token())).toBe('user-101')
  })
})
