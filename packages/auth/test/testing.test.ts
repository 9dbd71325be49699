import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import auth from '../src/index.ts'
import { withIdentity } from '../src/testing.ts'
import { jwt } from './apps.ts'

async function appOf(): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(auth, { jwt })
  app.get(
    '/me',
    { config: { security: { auth: { scopes: ['profile:read'] } } } },
    async ({ security }) => security.identity,
  )
  app.get(
    '/mine/:of',
    { config: { security: { auth: { owner: (request) => (request.params as { of: string }).of } } } },
    async () => 'ok',
  )
  app.get('/closed', async () => 'ok')
  return app
}

describe('a stand-in', () => {
  it('is the caller of what it injects, and of nothing else', async () => {
    const app = await appOf()
    const answers = await Promise.all([
      withIdentity(app, { subject: 'user-1', scopes: ['profile:read'] }).inject('/me'),
      app.inject('/me'),
      withIdentity(app, { subject: 'user-2', scopes: ['profile:read'], scheme: 'session' }).inject({ url: '/me' }),
    ])
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 401, 200])
    expect(answers[0]?.json()).toEqual({
      subject: 'user-1',
      scheme: 'jwt',
      scopes: ['profile:read'],
      credentialId: null,
      claims: {},
    })
    expect(answers[2]?.json()).toMatchObject({ subject: 'user-2', scheme: 'session' })
  })

  it('is judged as everybody is', async () => {
    const app = await appOf()
    const stranger = withIdentity(app, { subject: 'user-1' })
    const codes = []
    for (const url of ['/me', '/closed', '/mine/user-1', '/mine/user-2'])
      codes.push((await stranger.inject(url)).statusCode)
    expect(codes).toEqual([403, 403, 200, 403])
  })

  it('is refused by an app that listens, over its sockets and by itself', async () => {
    const app = await appOf()
    const early = withIdentity(app, { subject: 'user-1', scopes: ['profile:read'] })
    const address = await app.listen({ port: 0, host: '127.0.0.1' })
    expect(() => withIdentity(app, { subject: 'user-1' })).toThrow('is for tests')
    await expect(early.inject('/me')).rejects.toThrow('is for tests')
    expect((await fetch(`${address}/me`)).status).toBe(401)
    await app.close()
  })

  it('is of no use to another app, nor through a field', async () => {
    const [one, other] = [await appOf(), await appOf()]
    one.get('/relay', { config: { security: { auth: {} } } }, async () => (await other.inject('/me')).statusCode)
    expect((await withIdentity(one, { subject: 'a', scopes: ['profile:read'] }).inject('/relay')).body).toBe('401')
    const headers = { 'x-identity': 'a', 'x-test-identity': 'a' }
    expect((await one.inject({ url: '/me', headers })).statusCode).toBe(401)
  })

  it.each<[string, object, string]>([
    ['scope', { subject: 'a', scope: ['profile:read'] }, 'scope is not an option; did you mean `scopes`?'],
    ['sub', { sub: 'a' }, 'subject is required'],
    ['scopes in one text', { subject: 'a', scopes: 'a b' }, 'scopes must be an array'],
    ['a scope with a space', { subject: 'a', scopes: ['a b'] }, 'scopes[0] must be a scope'],
    ['roles in one text', { subject: 'a', roles: 'admin' }, "write roles: ['admin']"],
    ['milliseconds', { subject: 'a', authenticatedAt: Date.now() }, 'authenticatedAt must be at most'],
    ['a kind that is none', { subject: 'a', scheme: 'cookie' }, 'scheme must be one of'],
    ['nobody', { subject: '' }, 'subject '],
  ])('is refused where it is misspelt: %s', async (_name, identity, said) => {
    const app = await appOf()
    expect(() => withIdentity(app, identity as { subject: string })).toThrow(said)
  })
})
