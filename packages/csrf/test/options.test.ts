import { randomBytes } from 'node:crypto'
import Fastify from 'fastify'
import { describe, expect, it, vi } from 'vitest'
import csrf, { type CsrfOptions } from '../src/index.ts'

const origins = ['https://app.example.com']
const secret = randomBytes(32)

interface Refused extends Error {
  readonly code: string
  readonly mistakes: readonly { path: string; rule: string; fix: readonly { value?: unknown }[] }[]
}

async function boot(options: unknown, route?: object): Promise<Refused | null> {
  const app = Fastify()
  try {
    await app.register(csrf, options as CsrfOptions)
    if (route !== undefined) app.post('/', { config: { security: { csrf: route } } }, async () => 'through')
    await app.ready()
    return null
  } catch (error) {
    return error as Refused
  } finally {
    await app.close()
  }
}

describe('the options of @portcullis/csrf', () => {
  it.each<[string, object]>([
    ['origins alone', { origins }],
    ['a port that is not the default', { origins: ['http://localhost:5173', ...origins] }],
    ['this machine over plain http', { origins: ['http://app.localhost', 'http://127.0.0.1:3000', 'http://[::1]'] }],
    ['an IPv6 address', { origins: ['https://[::1]:8443'] }],
    ['keys of either kind', { origins, secrets: [secret, secret.toString('base64')], token: 'always' }],
    ['a session by its cookie', { origins, session: '__Host-session' }],
    ['a session by a function', { origins, session: () => null }],
    ['a cookie for pages that links lead to', { origins, cookie: { name: '__Host-form', sameSite: 'Lax' } }],
    ['fewer credentials that browsers send on their own', { origins, ambient: ['cookie'] }],
    ['a room that is off', { origins, enabled: false }],
  ])('accept %s', async (_name, options) => {
    expect(await boot(options)).toBeNull()
  })

  it.each<[string, object, string, unknown]>([
    ['no origins', {}, 'origins', origins],
    ['an empty list', { origins: [] }, 'origins', origins],
    ['a misspelt option', { origins, tokens: 'always' }, 'tokens', undefined],
    ['a trailing slash', { origins: ['https://app.example.com/'] }, 'origins[0]', 'https://app.example.com'],
    ['a path', { origins: [...origins, 'https://a.example/x'] }, 'origins[1]', 'https://a.example'],
    ['upper case', { origins: ['HTTPS://App.example.com'] }, 'origins[0]', 'https://app.example.com'],
    ['a default port', { origins: ['https://a.example:443'] }, 'origins[0]', 'https://a.example'],
    ['no scheme', { origins: ['a.example'] }, 'origins[0]', 'https://a.example'],
    ['null', { origins: ['null'] }, 'origins[0]', origins[0]],
    ['everybody', { origins: ['*'] }, 'origins[0]', origins[0]],
    ['every sibling', { origins: ['https://*.example.com'] }, 'origins[0]', origins[0]],
    ['another scheme', { origins: ['file:///etc'] }, 'origins[0]', origins[0]],
    ['plain http', { origins: ['http://App.example.com:8080/'] }, 'origins[0]', 'https://app.example.com:8080'],
    ['plain http on the port of TLS', { origins: ['http://a.example:443'] }, 'origins[0]', 'https://a.example'],
    [
      'plain http of one that looks like this machine',
      { origins: ['http://localhost.example'] },
      'origins[0]',
      'https://localhost.example',
    ],
    ['letters beyond ASCII', { origins: ['https://bücher.example'] }, 'origins[0]', 'https://xn--bcher-kva.example'],
    ['two in one text', { origins: ['https://a.example,https://b.example'] }, 'origins[0]', origins[0]],
    ['any port', { origins: ['http://localhost:*'] }, 'origins[0]', origins[0]],
    ['blanks', { origins: ['https://a b'] }, 'origins[0]', origins[0]],
    ['a short key', { origins, secrets: ['secret'] }, 'secrets[0]', expect.any(String)],
    ['a key of one letter', { origins, secrets: [secret, 'a'.repeat(64)] }, 'secrets[1]', expect.any(String)],
    ['no keys at all', { origins, secrets: [] }, 'secrets', expect.any(Array)],
    ['tokens without keys', { origins, token: 'always' }, 'token', 'fallback'],
    ['never a token', { origins, token: 'never' }, 'token', 'fallback'],
    ['a session cookie that siblings can set', { origins, session: 'sid' }, 'session', '__Host-session'],
    ['a cookie that siblings can set', { origins, cookie: { name: '_csrf' } }, 'cookie.name', '__Host-csrf'],
    [
      'one cookie for two',
      { origins, session: '__Host-s', cookie: { name: '__Host-s' } },
      'cookie.name',
      { name: '__Host-csrf', sameSite: 'Strict' },
    ],
    [
      'the own cookie for a session',
      { origins, session: '__Host-csrf' },
      'cookie.name',
      { name: '__Host-form', sameSite: 'Strict' },
    ],
    ['a cookie for every site', { origins, cookie: { sameSite: 'None' } }, 'cookie.sameSite', 'Strict'],
    ['an unknown credential', { origins, ambient: ['bearer'] }, 'ambient[0]', 'cookie'],
  ])('refuse %s at boot, name the place and mend it', async (_name, options, path, value) => {
    const refused = await boot(options)
    expect(refused).toMatchObject({ code: 'PTC_OPTIONS_INVALID', mistakes: [{ path }] })
    expect(refused?.mistakes[0]?.fix[0]?.value).toEqual(value)
  })

  it('never print a key', async () => {
    const refused = await boot({ origins, secrets: ['kept-to-itself'] })
    expect(JSON.stringify([refused, refused?.message])).not.toContain('kept-to-itself')
  })

  it('mend a weak key with one that no other process knows', async () => {
    const mended = async (): Promise<unknown> => {
      vi.resetModules()
      const { default: room } = await import('../src/index.ts')
      const app = Fastify()
      const refused = await Promise.resolve(app.register(room, { origins, secrets: ['a'] })).catch(
        (error: Refused) => error,
      )
      await app.close()
      return (refused as Refused).mistakes[0]?.fix[0]?.value
    }
    const [one, other] = [await mended(), await mended()]
    expect(one).not.toBe(other)
    expect(await boot({ origins, secrets: [one, other] })).toBeNull()
  })

  it.each<[string, object, string]>([
    ['a misspelt option', { orgins: [] }, 'orgins'],
    ['keys of its own', { secrets: [secret] }, 'secrets'],
    ['an origin that no browser sends', { origins: ['https://a.example/'] }, 'origins[0]'],
    ['a token that nobody can make', { token: 'always' }, 'token'],
  ])('refuse a route with %s', async (_name, route, path) => {
    const refused = await boot({ origins }, route)
    expect(refused?.mistakes[0]).toMatchObject({ route: 'POST /' })
    expect(refused?.mistakes[0]?.path).toContain(path)
  })
})
