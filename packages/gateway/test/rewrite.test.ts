import { describe, expect, it } from 'vitest'
import type { GatewayRoute } from '../src/index.ts'
import { methodsOf } from '../src/policy.ts'
import { type Asked, compileRewrite } from '../src/rewrite.ts'
import { compileTwins } from '../src/twins.ts'
import { sayFrames } from './http2-frames.ts'
import { authority, rawExchange, send, stage, startBackend } from './stage.ts'

const route = (path: string, more: Partial<GatewayRoute> = {}, host?: string): GatewayRoute => ({
  match: { path, ...(host === undefined ? {} : { host }) },
  upstream: 'a',
  ...more,
})
const secret = { policy: { auth: { scopes: ['secret'] } } } as unknown as Partial<GatewayRoute>

/** What becomes of a path that the router gave to the first route. */
function ask(
  routes: readonly GatewayRoute[],
  path: string,
  more: Partial<Asked> & { prefix?: string } = {},
): string | null {
  const [first] = routes as [GatewayRoute]
  const { prefix = '', ...asked } = more
  const place = first.match.path.split('/').findIndex((text) => text === '*' || text.startsWith(':'))
  const rest = path.slice(prefix.length).split('/').slice(place).join('/')
  const name = first.match.path.split('/')[place]?.replace(':', '') ?? '*'
  const params = { [name]: rest.includes('%') ? decodeURIComponent(rest) : rest }
  const twins = compileTwins(routes, methodsOf)(first)
  return compileRewrite(first, twins, prefix)({ path, params, host: 'a', judged: false, ...asked })
}

describe('a path with parameters', () => {
  const files = route('/files/*', { rewrite: '/store/*' })

  it.each(['', 'x', 'x/', "a%20!$&'()*+,=:@", '%c3%A9/%7e', 'a%3bb', 'a%25', '~.b/c..'])(
    'keeps every byte of %j',
    (rest) => {
      expect(ask([files], `/files/${rest}`)).toBe(`/store/${rest}`)
    },
  )

  it('keeps them under a prefix, and where the literal part is spelt in another way', () => {
    expect(ask([files], '/v1/files/a%3F', { prefix: '/v1' })).toBe('/store/a%3F')
    expect(ask([files], '/%66iles/a', { params: { '*': 'a' } })).toBe('/store/a')
  })

  it('is refused where the router has matched something else than its segments', () => {
    expect(ask([files], '/files/a/b', { params: { '*': 'b' } })).toBeNull()
  })

  it.each(['a;b', '/a', 'a//b', 'a%2Fb', 'a%252e'])('is refused for %j, unless another room admits it', (rest) => {
    expect(ask([files], `/files/${rest}`)).toBeNull()
    expect(ask([files], `/files/${rest}`, { judged: true })).toBe(`/store/${rest}`)
  })

  it('is refused where a parameter is empty', () => {
    expect(ask([route('/users/:id')], '/users/')).toBeNull()
    expect(ask([route('/users/:id')], '/users/1')).toBe('/users/1')
  })

  it.each(['..', '%2e', 'a%5c', 'a%2f..', '...', '%20', '..%20/a', 'a/%2e%2e%2e'])(
    'is refused for %j, whoever admits it',
    (rest) => {
      expect(ask([files], `/files/${rest}`, { judged: true })).toBeNull()
    },
  )
})

describe('a path that a service may take for one of another route', () => {
  const rest = ['SECRET', 'secret/', 'Secret/', 'secret.', 'secret%20', '%73ecret/', 'ſecret', '%ef%bd%93ecret']
  const files = route('/files/*')

  it.each(rest.filter((one) => one !== 'ſecret'))('is refused: %s', (path) => {
    expect(ask([files, route('/files/secret', secret)], `/files/${path}`)).toBeNull()
    expect(ask([files, route('/files/:name', secret)], `/files/${path}/`)).toBeNull()
  })

  // Some decode a path before they look for its end: Apache's rewriting has, and servers of files behind it.
  it.each(['secret%3f', 'secret%3Fx=y', 'secret%23', 'secret%23/x', 'secret%ef%bc%9f', 'Secret%3f/a'])(
    'is refused: %s, which ends where a query does',
    (path) => {
      expect(ask([files, route('/files/secret', secret)], `/files/${path}`)).toBeNull()
      expect(ask([files, route('/files/secret')], `/files/${path}`)).toBe(`/files/${path}`)
    },
  )

  it('is refused where the other route is the one with capitals', () => {
    expect(ask([files, route('/files/Secret', secret)], '/files/secret')).toBeNull()
    expect(ask([files, route('/files/Secret', secret)], '/files/other')).toBe('/files/other')
  })

  it('passes where the policy is the same, or the service, method or host another', () => {
    for (const other of [
      route('/files/secret'),
      route('/files/secret', { ...secret, upstream: 'b' }),
      route('/files/secret', secret, 'b'),
      { ...route('/files/secret', secret), match: { path: '/files/secret', method: 'POST' as const } },
    ])
      expect(ask([files, other], '/files/Secret')).toBe('/files/Secret')
    expect(ask([files, route('/files/secret', secret)], '/files/secrets')).toBe('/files/secrets')
    expect(ask([files, route('/files/:name', secret)], '/files/a/b')).toBe('/files/a/b')
    expect(ask([files, route('/files/secret', secret, 'A')], '/files/Secret', { host: 'a:80' })).toBeNull()
  })

  it('never arrives', async () => {
    const backend = await startBackend()
    const staged = await stage(backend.port, {
      routes: [
        { match: { path: '/files/*' }, upstream: 'user-service', policy: {} },
        { match: { path: '/files/secret' }, upstream: 'user-service' },
      ],
    })
    const port = await staged.listen()
    expect((await send(port, { path: '/files/Secret' })).status).toBe(400)
    expect((await send(port, { path: '/files/%53ecret' })).status).toBe(400)
    expect((await send(port, { path: '/files/other' })).status).toBe(200)
    const answer = await rawExchange(port, 'GET http://a/files/a%2Cb HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 200/)
    expect(backend.hits.map(({ url }) => url)).toEqual(['/files/other', '/files/a%2Cb'])
  })

  it('never arrives in HTTP/2 either, which names the host in another place', async () => {
    const { ca, issue } = await authority()
    const backend = await startBackend()
    const staged = await stage(backend.port, {
      routes: [
        { match: { path: '/files/*' }, upstream: 'user-service', policy: {} },
        { match: { path: '/files/secret', host: 'gateway.local' }, upstream: 'user-service' },
      ],
      server: { http2: true, https: await issue('gateway.local') } as never,
    })
    const port = await staged.listen()
    const ask = async (path: string): Promise<void> => {
      const line = { ':method': 'GET', ':scheme': 'https', ':authority': 'gateway.local', ':path': path }
      expect(await sayFrames(port, ca, { fields: Object.entries(line) })).toMatchObject({ how: 'answered' })
    }
    await ask('/files/Secret')
    await ask('/files/other')
    expect(backend.hits.map(({ url }) => url)).toEqual(['/files/other'])
  })
})
