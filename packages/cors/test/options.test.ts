import Fastify from 'fastify'
import { compileOptions, type Mistake, type Operation, type RoomPlugin } from '@portcullis/kernel'
import { describe, expect, it } from 'vitest'
import cors, { type CorsOptions } from '@portcullis/cors'
import { check } from '../src/rules.ts'

const app = 'https://app.example.com'
const ask = async (): Promise<boolean> => true
const { optionsSchema } = Reflect.get(cors, Symbol.for('portcullis.room')) as RoomPlugin
const inspect = compileOptions<CorsOptions>(optionsSchema, check)

/** Each row: what is given, the path and the rule of the mistake, and the options after its patch. */
const bad: [given: unknown, path: string, rule: string, patched: object][] = [
  [{}, 'origins', 'required', { origins: [app] }],
  [{ orgins: [app] }, 'orgins', 'additionalProperties', { origins: [app] }],
  [{ origins: app }, 'origins', 'accepts', { origins: [app] }],
  [{ origins: [] }, 'origins', 'minItems', { origins: [app] }],
  [{ origins: [/example/] }, 'origins[0]', 'type', { origins: [app] }],
  [
    { origins: ['*'], credentials: true },
    'credentials',
    'wildcard-with-credentials',
    { origins: [app], credentials: true },
  ],
  [{ origins: ['*', app] }, 'origins[0]', 'wildcard-with-origins', { origins: [app] }],
  [{ origins: ['null'] }, 'origins[0]', 'origin-null', { origins: [app] }],
  [{ origins: [''] }, 'origins[0]', 'origin-empty', { origins: [app] }],
  [{ origins: [app, 'null'] }, 'origins[1]', 'origin-null', { origins: [app] }],
  [{ origins: [`${app}/`] }, 'origins[0]', 'origin-trailing-slash', { origins: [app] }],
  [{ origins: [`${app}/login`] }, 'origins[0]', 'origin-path', { origins: [app] }],
  [{ origins: [`${app}?a=1`] }, 'origins[0]', 'origin-query', { origins: [app] }],
  [{ origins: [`${app}#top`] }, 'origins[0]', 'origin-fragment', { origins: [app] }],
  [{ origins: [`${app}:443`] }, 'origins[0]', 'origin-default-port', { origins: [app] }],
  [{ origins: ['http://localhost:80'] }, 'origins[0]', 'origin-default-port', { origins: ['http://localhost'] }],
  [{ origins: [`${app}:`] }, 'origins[0]', 'origin-port', { origins: [app] }],
  [{ origins: [`${app}:70000`] }, 'origins[0]', 'origin-port', { origins: [app] }],
  [{ origins: ['https://App.example.com'] }, 'origins[0]', 'origin-upper-case', { origins: [app] }],
  [{ origins: ['HTTPS://app.example.com'] }, 'origins[0]', 'origin-upper-case', { origins: [app] }],
  [{ origins: ['https://me@app.example.com'] }, 'origins[0]', 'origin-userinfo', { origins: [app] }],
  [{ origins: ['app.example.com'] }, 'origins[0]', 'origin-without-scheme', { origins: [app] }],
  [{ origins: ['ftp://app.example.com'] }, 'origins[0]', 'origin-scheme', { origins: [app] }],
  [{ origins: ['https://'] }, 'origins[0]', 'origin-without-host', { origins: [app] }],
  [{ origins: ['https://app.example.com.'] }, 'origins[0]', 'origin-trailing-dot', { origins: [app] }],
  [
    { origins: ['https://app example.com', app] },
    'origins[0]',
    'origin-list',
    { origins: ['https://app', app, 'https://example.com'] },
  ],
  [{ origins: ['https://a..example.com'] }, 'origins[0]', 'origin-host', { origins: [app] }],
  [
    { origins: ['https://bücher.example'] },
    'origins[0]',
    'origin-unicode',
    { origins: ['https://xn--bcher-kva.example'] },
  ],
  [{ origins: ['http://0x7f.1'] }, 'origins[0]', 'origin-ip-form', { origins: ['http://127.0.0.1'] }],
  [{ origins: ['https://*'] }, 'origins[0]', 'origin-wildcard-too-broad', { origins: [app] }],
  [{ origins: ['https://*.com'] }, 'origins[0]', 'origin-wildcard-too-broad', { origins: [app] }],
  [{ origins: ['https://*.10.0.0.1'] }, 'origins[0]', 'origin-wildcard-too-broad', { origins: ['https://10.0.0.1'] }],
  [{ origins: ['https://a.*.example.com'] }, 'origins[0]', 'origin-wildcard-place', { origins: [app] }],
  [{ origins: ['https://*example.com'] }, 'origins[0]', 'origin-wildcard-place', { origins: [app] }],
  [{ origins: ['https://*.co.uk'] }, 'origins[0]', 'origin-public-suffix', { origins: [app] }],
  [{ origins: ['https://*.github.io', app] }, 'origins[0]', 'origin-public-suffix', { origins: [app] }],
  [{ origins: ['https://*.vercel.app:*'] }, 'origins[0]', 'origin-public-suffix', { origins: [app] }],
  [{ origins: ['http://localhost:*/'] }, 'origins[0]', 'origin-trailing-slash', { origins: ['http://localhost:*'] }],
  [{ origins: ['https://app.example.com:80*'] }, 'origins[0]', 'origin-port', { origins: [app] }],
  [{ origins: ['https://app.example.com:08443'] }, 'origins[0]', 'origin-port', { origins: [app] }],
  [{ origins: ['https://*:*'] }, 'origins[0]', 'origin-wildcard-too-broad', { origins: [app] }],
  [{ origins: ['*://app.example.com'] }, 'origins[0]', 'origin-scheme', { origins: [app] }],
  [{ origins: ['//app.example.com'] }, 'origins[0]', 'origin-without-scheme', { origins: [app] }],
  [{ origins: ['file:///etc/passwd'] }, 'origins[0]', 'origin-scheme', { origins: [app] }],
  [{ origins: ['http://127.1'] }, 'origins[0]', 'origin-ip-form', { origins: ['http://127.0.0.1'] }],
  [{ origins: ['http://2130706433:3000'] }, 'origins[0]', 'origin-ip-form', { origins: ['http://127.0.0.1:3000'] }],
  [{ origins: ['https://[0:0::1]'] }, 'origins[0]', 'origin-ip-form', { origins: ['https://[::1]'] }],
  [{ origins: ['https://[::1'] }, 'origins[0]', 'origin-host', { origins: [app] }],
  [{ origins: ['https://256.1.1.1'] }, 'origins[0]', 'origin-host', { origins: [app] }],
  [{ origins: [42] }, 'origins[0]', 'type', { origins: [app] }],
  [{ origins: true }, 'origins', 'accepts', { origins: [app] }],
  [
    { origins: ['http://app.example.com/'], credentials: true },
    'origins[0]',
    'origin-trailing-slash',
    { origins: [app], credentials: true },
  ],
  [
    { origins: ['http://app.example.com:*'], credentials: true },
    'origins[0]',
    'insecure-with-credentials',
    { origins: ['https://app.example.com:*'] },
  ],
  [{ origins: [app, app] }, 'origins[1]', 'duplicate', { origins: [app] }],
  [
    { origins: ['http://app.example.com'], credentials: true },
    'origins[0]',
    'insecure-with-credentials',
    { origins: [app], credentials: true },
  ],
  [{ origins: [app], credentials: 'false' }, 'credentials', 'type', { credentials: false }],
  [{ origins: [app], methods: 'GET' }, 'methods', 'type', { methods: ['GET'] }],
  [{ origins: [app], methods: [] }, 'methods', 'minItems', { methods: ['GET', 'POST', 'PUT', 'DELETE'] }],
  [{ origins: [app], methods: ['FOO BAR'] }, 'methods[0]', 'pattern', { methods: ['GET'] }],
  [{ origins: [app], methods: ['FETCH'] }, 'methods[0]', 'method-unknown', { methods: ['GET'] }],
  [{ origins: [app], methods: ['GET', 'patch'] }, 'methods[1]', 'method-case', { methods: ['GET', 'PATCH'] }],
  [{ origins: [app], methods: ['GET', 'TRACE'] }, 'methods[1]', 'method-forbidden', { methods: ['GET'] }],
  [{ origins: [app], requestHeaders: ['*'] }, 'requestHeaders[0]', 'header-wildcard', { requestHeaders: [] }],
  [{ origins: [app], requestHeaders: ['Cookie'] }, 'requestHeaders[0]', 'header-forbidden', { requestHeaders: [] }],
  [{ origins: [app], requestHeaders: ['Sec-Evil'] }, 'requestHeaders[0]', 'header-forbidden', { requestHeaders: [] }],
  [{ origins: [app], requestHeaders: ['X A'] }, 'requestHeaders[0]', 'pattern', { requestHeaders: ['X-Request-Id'] }],
  [{ origins: [app], requestHeaders: ['X-A', 'x-a'] }, 'requestHeaders[1]', 'duplicate', { requestHeaders: ['X-A'] }],
  [{ origins: [app], exposedHeaders: ['Set-Cookie'] }, 'exposedHeaders[0]', 'header-forbidden', { exposedHeaders: [] }],
  [
    { origins: [app], credentials: true, exposedHeaders: ['*'] },
    'exposedHeaders[0]',
    'header-wildcard',
    { exposedHeaders: [] },
  ],
  [{ origins: [app], maxAge: -5 }, 'maxAge', 'minimum', { maxAge: -1 }],
  [{ origins: [app], maxAge: 86_401 }, 'maxAge', 'maximum', { maxAge: 86_400 }],
  [{ origins: [app], maxAge: 1.5 }, 'maxAge', 'type', { maxAge: 60 }],
  [{ origins: [app], methods: [1] }, 'methods[0]', 'type', { methods: ['GET'] }],
  [{ origins: [app], methods: ['GET', 'GET'] }, 'methods[1]', 'duplicate', { methods: ['GET'] }],
  [{ origins: [app], methods: ['CONNECT'] }, 'methods[0]', 'method-forbidden', { methods: ['GET'] }],
  [{ origins: [app], methods: ['GET', 'Track'] }, 'methods[1]', 'method-forbidden', { methods: ['GET'] }],
  [{ origins: [app], requestHeaders: 'X-A' }, 'requestHeaders', 'type', { requestHeaders: ['X-A'] }],
  [{ origins: [app], requestHeaders: [null] }, 'requestHeaders[0]', 'type', { requestHeaders: ['X-Request-Id'] }],
  [{ origins: [app], requestHeaders: ['Proxy-A'] }, 'requestHeaders[0]', 'header-forbidden', { requestHeaders: [] }],
  [
    { origins: [app], requestHeaders: ['Access-Control-Allow-Origin', 'X-A'] },
    'requestHeaders[0]',
    'header-of-answers',
    { requestHeaders: ['X-A'] },
  ],
  [{ origins: [app], exposedHeaders: 'X-A' }, 'exposedHeaders', 'type', { exposedHeaders: ['X-A'] }],
  [{ origins: [app], exposedHeaders: [{}] }, 'exposedHeaders[0]', 'type', { exposedHeaders: ['X-Request-Id'] }],
  [{ origins: [app], exposedHeaders: ['X:A'] }, 'exposedHeaders[0]', 'pattern', { exposedHeaders: ['X-Request-Id'] }],
  [{ origins: [app], exposedHeaders: ['X-A', 'X-a'] }, 'exposedHeaders[1]', 'duplicate', { exposedHeaders: ['X-A'] }],
  [{ origins: [app], allowedHeaders: ['X-A'] }, 'allowedHeaders', 'additionalProperties', { origins: [app] }],
  [{ origins: [app], debug: 'yes' }, 'debug', 'type', { debug: false }],
  [{ origins: [app], enabled: 0 }, 'enabled', 'type', { enabled: true }],
  [{ origins: [app], reportOnly: 'true' }, 'reportOnly', 'type', { reportOnly: true }],
  [{ origins: [app], maxAge: '60' }, 'maxAge', 'type', { maxAge: 60 }],
  [{ origins: ask, lookup: 5 }, 'lookup', 'type', { lookup: {} }],
  [{ origins: ask, lookup: { deadline: 1 } }, 'lookup.deadline', 'additionalProperties', { lookup: {} }],
  [{ origins: ask, lookup: { deadlineMs: '5' } }, 'lookup.deadlineMs', 'type', { lookup: { deadlineMs: 5 } }],
  [{ origins: ask, lookup: { deadlineMs: 0 } }, 'lookup.deadlineMs', 'minimum', { lookup: { deadlineMs: 1 } }],
  [{ origins: ask, lookup: { deadlineMs: 9e9 } }, 'lookup.deadlineMs', 'maximum', { lookup: { deadlineMs: 30_000 } }],
  [{ origins: ask, lookup: { ttl: 1.5 } }, 'lookup.ttl', 'type', { lookup: { ttl: 60 } }],
  [{ origins: ask, lookup: { ttl: -1 } }, 'lookup.ttl', 'minimum', { lookup: { ttl: 0 } }],
  [{ origins: ask, lookup: { ttl: 1e6 } }, 'lookup.ttl', 'maximum', { lookup: { ttl: 86_400 } }],
  [{ origins: ask, lookup: { maxEntries: 'all' } }, 'lookup.maxEntries', 'type', { lookup: { maxEntries: 10_000 } }],
  [{ origins: ask, lookup: { maxEntries: 0 } }, 'lookup.maxEntries', 'minimum', { lookup: { maxEntries: 1 } }],
  [{ origins: ask, lookup: { maxEntries: 1e9 } }, 'lookup.maxEntries', 'maximum', { lookup: { maxEntries: 1e6 } }],
  [{ origins: ask, lookup: { maxPending: null } }, 'lookup.maxPending', 'type', { lookup: { maxPending: 100 } }],
  [{ origins: ask, lookup: { maxPending: 0 } }, 'lookup.maxPending', 'minimum', { lookup: { maxPending: 1 } }],
  [{ origins: ask, lookup: { maxPending: 1e9 } }, 'lookup.maxPending', 'maximum', { lookup: { maxPending: 10_000 } }],
  [{ origins: [app], refuseForeignOrigins: 1 }, 'refuseForeignOrigins', 'type', { refuseForeignOrigins: false }],
]

describe('a mistake in the options', () => {
  it('is one of more than sixty kinds', () => {
    const kinds = new Set(bad.map(([, path, rule]) => `${path.replaceAll(/\d+/g, '')} ${rule}`))
    expect(kinds.size).toBeGreaterThanOrEqual(60)
  })

  it.each(bad)('in %j is found at %s, breaks %s and is mended by its patch', async (given, path, rule, patched) => {
    const { mistakes } = inspect(given)
    expect(mistakes.map((mistake) => [mistake.path, mistake.rule])).toContainEqual([path, rule])
    for (const { message } of mistakes) expect(message).toMatch(/write|remove|mean|name/)
    const mended = mistakes.reduce((value, mistake) => apply(value, mistake), plain(given))
    expect(inspect(mended).mistakes).toEqual([])
    expect(mended).toMatchObject(patched)
    const server = Fastify()
    await server.register(cors, mended as CorsOptions)
    await server.close()
  })

  it('stands beside all the others in one error', async () => {
    const server = Fastify()
    const given = {
      origins: [`${app}/`, 'null', 'http://b.example.com', app],
      credentials: true,
      maxAge: 60,
      methods: ['get'],
    }
    const error = await server.register(cors, given).then(
      () => null,
      (failure: unknown) => failure as Error & { mistakes: Mistake[] },
    )
    expect(error).toMatchObject({ code: 'PTC_OPTIONS_INVALID' })
    expect(error?.mistakes.map(({ path, rule }) => `${path} ${rule}`)).toEqual([
      'origins[2] insecure-with-credentials',
      'origins[1] origin-null',
      'origins[0] origin-trailing-slash',
      'methods[0] method-case',
    ])
    expect(error?.message).toContain('https://b.example.com')
    const mended = error?.mistakes.reduce((value, mistake) => apply(value, mistake), plain(given))
    expect(mended).toMatchObject({ origins: ['https://b.example.com', app], methods: ['GET'] })
  })

  it('on a route fails the boot and names the route', async () => {
    const server = Fastify()
    await server.register(cors, { origins: [app], credentials: true })
    server.get('/open', { config: { security: { cors: { origins: ['*'] } } } }, async () => '')
    await expect(server.ready()).rejects.toThrow(/GET \/open cors\.credentials\s+needs exact origins/)
  })
})

describe('good options', () => {
  it.each<CorsOptions>([
    { origins: [app] },
    { origins: ['*'] },
    { origins: ['*'], exposedHeaders: ['*'] },
    { origins: ['*'], credentials: false, maxAge: 86_400 },
    { origins: [app, 'https://*.example.org'], credentials: true },
    { origins: ['http://localhost:5173', 'http://127.0.0.1:3000', 'http://[::1]'], credentials: true },
    { origins: ['http://app.example.com'] },
    { origins: ['http://app.example.com', app] },
    { origins: ['http://*.localhost:3000'], credentials: true },
    { origins: ['http://localhost:*'], credentials: true },
    { origins: ['http://*.localhost:*'], credentials: true },
    { origins: ['http://127.0.0.1:*', 'http://[::1]:*'], credentials: true },
    { origins: ['http://127.9.8.7'], credentials: true },
    { origins: ['https://app.example.com:*'] },
    { origins: ['https://*.example.com:*'] },
    { origins: ['https://*.example.com', app, 'https://example.com'] },
    { origins: ['https://*.example.co.uk'] },
    { origins: ['https://*.me.github.io'] },
    { origins: ['https://me.github.io'], credentials: true },
    { origins: ['https://github.io'] },
    { origins: ['https://*.internal.corp'] },
    { origins: ['https://intranet'] },
    { origins: ['https://under_score.example.com'] },
    { origins: ['https://10.0.0.1:8443'], credentials: true },
    { origins: ['http://10.0.0.1'] },
    { origins: ['https://[2001:db8::1]:8443'] },
    { origins: ['https://xn--bcher-kva.example:8443'] },
    { origins: ['http://app.example.com:443', 'https://app.example.com:80'] },
    { origins: [app, 'https://app.example.com:8443', 'https://app.example.com:65535'] },
    { origins: Array.from({ length: 1000 }, (_, index) => `https://tenant-${index}.example.com`), credentials: true },
    { origins: [app], methods: ['GET', 'PROPFIND'] },
    { origins: [app], methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY'] },
    { origins: [app], requestHeaders: [] },
    { origins: [app], requestHeaders: ['X-HTTP-Method-Override', 'traceparent', 'If-Match'] },
    { origins: [app], exposedHeaders: ['ETag', 'Location', 'Retry-After'], credentials: true },
    { origins: [app], maxAge: -1 },
    { origins: [app], maxAge: 0 },
    { origins: [app], maxAge: 86_400, exposedHeaders: ['X-Total'], refuseForeignOrigins: true },
    { origins: [app], debug: true },
    { origins: [app], reportOnly: true, refuseForeignOrigins: true },
    { origins: [app], enabled: false },
    { origins: [app], lookup: { ttl: 5 } },
    { origins: ask },
    { origins: (origin) => origin.endsWith('.example'), credentials: true },
    { origins: ask, lookup: {} },
    { origins: ask, lookup: { deadlineMs: 200, ttl: 0, maxEntries: 1, maxPending: 1 } },
    { origins: ask, lookup: { ttl: 86_400 }, refuseForeignOrigins: true },
  ])('%j are accepted', (given) => {
    expect(inspect(given).mistakes).toEqual([])
  })

  it('are completed by the defaults, and frozen', () => {
    const { options } = inspect({ origins: [app] })
    expect(options).toEqual({
      origins: [app],
      credentials: false,
      requestHeaders: ['Content-Type', 'Authorization'],
      exposedHeaders: [],
      maxAge: 60,
      refuseForeignOrigins: false,
      debug: false,
      enabled: true,
      reportOnly: false,
      lookup: { deadlineMs: 1000, ttl: 60, maxEntries: 10_000, maxPending: 100 },
    })
    expect(Object.isFrozen(options?.origins)).toBe(true)
  })
})

/** A copy; functions pass by reference. */
function plain(given: unknown): unknown {
  if (Array.isArray(given)) return given.map(plain)
  if (Object.prototype.toString.call(given) !== '[object Object]') return given
  return Object.fromEntries(Object.entries(given as object).map(([key, value]) => [key, plain(value)]))
}

/** RFC 6902, as far as patches of options go. */
function apply(value: unknown, { fix }: { readonly fix: readonly Operation[] }): unknown {
  const place = (path: string): [parent: Record<string, unknown>, key: string] => {
    const tokens = path.split('/').slice(1)
    const key = tokens.pop() as string
    return [tokens.reduce((at, token) => at[token] as Record<string, unknown>, value as Record<string, unknown>), key]
  }
  const take = (path: string): unknown => {
    const [parent, key] = place(path)
    const taken = parent[key]
    if (Array.isArray(parent)) parent.splice(Number(key), 1)
    else delete parent[key]
    return taken
  }
  for (const one of fix) {
    if (one.op === 'remove') take(one.path)
    else {
      const given = one.op === 'move' ? take(one.from) : one.value
      const [parent, key] = place(one.path)
      if (Array.isArray(parent) && one.op === 'add') parent.splice(key === '-' ? parent.length : Number(key), 0, given)
      else parent[key] = given
    }
  }
  return value
}
