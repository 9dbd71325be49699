import { defineRoom, describeSecurity, type RoomOptions } from '@portcullis/kernel'
import Fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import auth, { type AuthOptions, createApiKey } from '../src/index.ts'
import { apiKeys, get, guarded, jwt } from './apps.ts'
import { issuer, stranger, signed, claims, token, withEs256 } from './forge.ts'

const resource = 'https://api.example.com'
const metadata = `${resource}/.well-known/oauth-protected-resource`

describe('every refusal', () => {
  it('of a token has the same body, whatever is wrong with it', async () => {
    const { app } = await guarded({ jwt })
    const bad = [
      'x',
      token().slice(0, -4),
      token({ iss: 'https://evil.example.com' }),
      token({ aud: 'other' }),
      token({}, { alg: 'none' }),
      token({ exp: 1_000_000_000 }),
      signed({ alg: 'ES256', typ: 'at+jwt' }, claims, withEs256(stranger.privateKey)),
    ]
    const bodies = new Set()
    for (const given of bad) bodies.add((await get(app, '/any', `Bearer ${given}`)).body)
    expect([...bodies]).toHaveLength(1)
  })

  it('is kept by no cache', async () => {
    const away = () => Promise.reject(new Error('away'))
    const { app } = await guarded({ jwt, apiKeys: { find: away as never }, basic: { verify: away as never } })
    const basic = `Basic ${Buffer.from('a:b').toString('base64')}`
    const answers = [
      await get(app, '/any'),
      await get(app, '/any', 'Bearer x'),
      await get(app, '/any', `Bearer ${token({ exp: 1 })}`),
      await get(app, '/any', basic, { 'x-api-key': 'x' }),
      await get(app, '/profile', `Bearer ${token({ scope: '' })}`),
      await get(app, '/closed', `Bearer ${token()}`),
      await get(app, '/any', basic),
    ]
    expect(answers.map(({ statusCode, headers }) => [statusCode, headers['cache-control']])).toEqual(
      [401, 401, 401, 400, 403, 403, 503].map((status) => [status, 'no-store']),
    )
  })
})

it('what describes the routes holds no secret', async () => {
  const { key, entry } = createApiKey({ subject: 'billing' })
  const pepper = 'Vw3k_8sQe1Jp-Zt6yNf0Lb9xRg4uHc7mXa2dKo5iTzE'
  const { app } = await guarded({
    apiKeys: { keys: [entry], pepper },
    introspection: { endpoint: 'https://id.example.com/', clientId: 'a', clientSecret: 's3cret', audience: 'b' },
    basic: { verify: () => null },
  })
  const described = JSON.stringify(describeSecurity(app))
  for (const secret of [pepper, entry.hash, key, 's3cret']) expect(described).not.toContain(secret)
  expect(described).toContain(entry.id)
})

describe('what the API says of itself (RFC 9728)', () => {
  it('is a document that everybody may read, named in every challenge', async () => {
    const { app } = await guarded({ jwt, resourceMetadata: { resource, scopes: ['profile:read'] } })
    expect((await get(app, '/.well-known/oauth-protected-resource')).json()).toEqual({
      resource,
      authorization_servers: [issuer],
      scopes_supported: ['profile:read'],
      bearer_methods_supported: ['header'],
    })
    const challenge = async (url: string, authorization?: string) =>
      (await get(app, url, authorization)).headers['www-authenticate']
    expect(await challenge('/any')).toBe(`Bearer realm="api", resource_metadata="${metadata}"`)
    expect(await challenge('/any', 'Bearer x')).toContain(`error="invalid_token", resource_metadata="${metadata}"`)
    expect(await challenge('/profile', `Bearer ${token({ scope: '' })}`)).toContain(`resource_metadata="${metadata}"`)
  })

  it('of a resource with a path stands before that path (§3.1)', async () => {
    const { app } = await guarded({ jwt, resourceMetadata: { resource: `${resource}/v1` } })
    expect((await get(app, '/.well-known/oauth-protected-resource/v1')).statusCode).toBe(200)
    expect((await get(app, '/any')).headers['www-authenticate']).toContain(`resource_metadata="${metadata}/v1"`)
  })

  it('has no place under a prefix', async () => {
    const app = Fastify()
    await expect(
      app.register(
        async (inner) => {
          await inner.register(auth, { jwt, resourceMetadata: { resource } })
        },
        { prefix: '/v1' },
      ),
    ).rejects.toMatchObject({ code: 'PTC_AUTH_METADATA_PREFIXED' })
  })
})

describe('a page on another origin', () => {
  async function behindCors(exposed: string | undefined, options: AuthOptions) {
    const cors = defineRoom<RoomOptions>({
      concern: 'cors',
      optionsSchema: { type: 'object', additionalProperties: false },
      async setup() {
        return {
          compile: () => ({
            onRequest(request, reply) {
              if (request.headers.origin === undefined) return
              reply.header('access-control-allow-origin', request.headers.origin)
              if (exposed !== undefined) reply.header('access-control-expose-headers', exposed)
            },
          }),
        }
      },
    })
    const app = Fastify()
    await app.register(cors)
    await app.register(auth, options)
    app.get('/', { config: { security: { auth: {} } } }, async () => 'ok')
    return app
  }

  it.each([
    [undefined, 'WWW-Authenticate'],
    ['X-Request-Id', 'X-Request-Id, WWW-Authenticate'],
    ['www-authenticate', 'www-authenticate'],
    ['*', '*'],
  ])('that may read the answer may read the challenge too: %s becomes %s', async (exposed, expected) => {
    const app = await behindCors(exposed, { jwt, apiKeys })
    const origin = { origin: 'https://app.example.com' }
    expect((await get(app, '/', undefined, origin)).headers['access-control-expose-headers']).toBe(expected)
    expect((await get(app, '/', `Bearer ${token()}`, origin)).headers['access-control-expose-headers']).toBe(exposed)
    expect((await get(app, '/')).headers['access-control-expose-headers']).toBeUndefined()
  })
})
