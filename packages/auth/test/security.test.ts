import { createConnection } from 'node:net'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it, vi } from 'vitest'
import auth from '../src/index.ts'
import { apiKey, apiKeys, get, guarded, jwt, official } from './apps.ts'
import {
  audience,
  claims,
  encode,
  es256,
  hmacToken,
  issuer,
  pem,
  secret,
  signed,
  token,
  verifiers,
  withEs256,
  withHs256,
} from './forge.ts'
import { ALGORITHMS, goodFor, hostileTo } from './hostile-tokens.ts'
import { statusOverHttp2 } from './over-http2.ts'

const hardened = { algorithms: ['ES256'], allowedIss: issuer, allowedAud: audience }
// As hard as its options make it.
const hardest = { ...hardened, requiredClaims: ['iss', 'aud', 'sub', 'exp'], checkTyp: 'at+jwt' }
const officialEs256 = () => official({ public: pem }, hardened)
const codeOf = async (app: FastifyInstance, given: string): Promise<number> =>
  (await get(app, '/any', `Bearer ${given}`)).statusCode

describe('a hostile token', () => {
  // What @fastify/jwt, hardened as far as its options go, answers; ours answers 401 to each of them.
  it.each([
    ['with a wrong alg', 500, () => token({}, { alg: 'ES384' })],
    ['with alg none and a signature', 500, () => signed({ alg: 'none', typ: 'at+jwt' }, claims, withHs256('x'))],
    [
      'with HS256 to a server of ES256, keyed with the public PEM',
      500,
      () => signed({ alg: 'HS256', typ: 'at+jwt' }, claims, withHs256(pem)),
    ],
    ['whose payload is a list', 500, () => signed({ alg: 'ES256', typ: 'at+jwt' }, '[]', withEs256(es256.privateKey))],
    ['with a short ES256 signature', 500, () => token().slice(0, -6)],
    ['with a future nbf', 500, () => token({ nbf: 3_999_999_999 })],
    ['of another typ', 200, () => token({}, { typ: 'logout+jwt' })],
    ['without typ', 200, () => token({}, { typ: undefined })],
    ['without iss', 200, () => token({ iss: undefined })],
    ['without aud', 200, () => token({ aud: undefined })],
    ['without exp', 200, () => token({ exp: undefined })],
    [
      'that never expires, with exp 1e400',
      200,
      () =>
        signed(
          { alg: 'ES256', typ: 'at+jwt' },
          JSON.stringify(claims).replace('4000000000', '1e400'),
          withEs256(es256.privateKey),
        ),
    ],
    ['whose subject is a query operator', 200, () => token({ sub: { $gt: '' } })],
    ['whose jti is an object', 200, () => token({ jti: {} })],
    [
      'with two subjects',
      200,
      () =>
        signed(
          { alg: 'ES256', typ: 'at+jwt' },
          JSON.stringify(claims).replace('{', '{"sub":"admin",'),
          withEs256(es256.privateKey),
        ),
    ],
  ])('%s gets %i from @fastify/jwt and 401 here', async (_name, theirs, forge) => {
    const given = forge()
    expect(await codeOf(await officialEs256(), given)).toBe(theirs)
    const { app } = await guarded({ jwt })
    const answer = await get(app, '/any', `Bearer ${given}`)
    expect(answer.statusCode).toBe(401)
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="api", error="invalid_token"$/)
  })

  it.each(ALGORITHMS)(
    'of several hundred kinds is refused with 401 and no echo by a server of %s, and a good one never',
    async (algorithm) => {
      const corpus = hostileTo(algorithm)
      expect(corpus.length).toBeGreaterThanOrEqual(300)
      expect(new Set(corpus.map((one) => one.name)).size).toBe(corpus.length)
      const key = verifiers[algorithm]
      const bare = await official(
        typeof key === 'string' ? key : { public: key.export({ type: 'spki', format: 'pem' }) },
        { ...hardest, algorithms: [algorithm] },
      )
      const bad = { accepted: 0, failed: 0 }
      const { app, events } = await guarded({ jwt: { ...jwt, key, algorithms: [algorithm] } })
      for (const { name, token: given } of corpus) {
        const seen = await codeOf(bare, given)
        if (seen === 200) bad.accepted++
        if (seen >= 500) bad.failed++
        const answer = await get(app, '/any', `Bearer ${given}`)
        expect([name, answer.statusCode]).toEqual([name, 401])
        expect(answer.headers['www-authenticate']).toContain('error="invalid_token"')
        expect(answer.json()).toMatchObject({
          code: 'PTC_AUTH_CREDENTIAL_INVALID',
        })
        for (const part of given.split('.')) if (part.length > 12) expect(answer.body).not.toContain(part)
      }
      expect(bad.accepted).toBeGreaterThan(90)
      expect(bad.failed).toBeGreaterThan(80)
      expect(events.filter(({ type }) => type === 'auth.failed')).toHaveLength(corpus.length)
      expect(JSON.stringify(events.map(({ detail }) => detail))).not.toContain('eyJ')
      for (const { name, token: given } of goodFor(algorithm)) {
        expect([name, await codeOf(app, given)]).toEqual([name, 200])
      }
    },
  )

  it('made from a good one by changing, adding or removing a byte is not accepted', async () => {
    const good = token()
    // Node decodes base64url leniently: the last character of a signature has spellings that mean the same bytes.
    const bare = await officialEs256()
    const [front, signature] = [good.slice(0, -86), good.slice(-86)]
    const bytes = Buffer.from(signature, 'base64url')
    const respelt = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
      .split('')
      .map((char) => signature.slice(0, -1) + char)
      .filter((spelling) => spelling !== signature && Buffer.from(spelling, 'base64url').equals(bytes))
      .map((spelling) => front + spelling)[0] as string
    expect(await codeOf(bare, respelt)).toBe(200)

    const { app } = await guarded({ jwt })
    expect(await codeOf(app, good)).toBe(200)
    const character = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code))
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        character,
        fc.constantFrom('change', 'add', 'remove'),
        async (at, byte, how) => {
          const changed = good.slice(0, at) + (how === 'remove' ? '' : byte) + good.slice(how === 'add' ? at : at + 1)
          expect(await codeOf(app, changed)).toBe(changed === good ? 200 : 401)
        },
      ),
      { numRuns: 500 },
    )
    expect(await codeOf(app, respelt)).toBe(401)
  })

  it('full of noise gets 401, never 500', async () => {
    const { app } = await guarded({ jwt })
    const noise = fc.oneof(
      fc.string({ maxLength: 400 }).map((text) => text.replaceAll(/[^\x21-\xff]/g, '')),
      fc.array(fc.base64String({ maxLength: 80 }), { maxLength: 6 }).map((parts) => parts.join('.')),
      fc
        .tuple(fc.json(), fc.json(), fc.uint8Array({ minLength: 64, maxLength: 64 }))
        .map(([header, payload, bytes]) => `${encode(header)}.${encode(payload)}.${encode(Buffer.from(bytes))}`),
      fc
        .tuple(fc.json(), fc.uint8Array({ minLength: 64, maxLength: 64 }))
        .map(
          ([payload, bytes]) =>
            `${encode({ alg: 'ES256', typ: 'at+jwt' })}.${encode(payload)}.${encode(Buffer.from(bytes))}`,
        ),
    )
    await fc.assert(
      fc.asyncProperty(noise, async (given) => {
        expect(await codeOf(app, given)).toBe(401)
      }),
      { numRuns: 300 },
    )
  })
})

describe('a secret', () => {
  it('that anybody guesses registers with @fastify/jwt and signs tokens, and does not boot here', async () => {
    const forged = signed({ alg: 'HS256', typ: 'at+jwt' }, { ...claims, sub: 'admin' }, withHs256('undefined'))
    expect(await codeOf(await official('undefined'), forged)).toBe(200)
    await expect(guarded({ jwt: { ...jwt, key: 'undefined', algorithms: ['HS256'] } })).rejects.toMatchObject({
      mistakes: [{ path: 'jwt.key', rule: 'weak-secret' }],
    })
  })

  it('that is a public key lets everybody sign HS256 tokens under @fastify/jwt, and does not boot here', async () => {
    const forged = signed({ alg: 'HS256', typ: 'at+jwt' }, claims, withHs256(pem))
    expect(await codeOf(await official({ public: pem }, { algorithms: ['HS256'] }), forged)).toBe(200)
    await expect(guarded({ jwt: { ...jwt, key: pem, algorithms: ['HS256'] } })).rejects.toMatchObject({
      mistakes: [{ path: 'jwt.algorithms', rule: 'algorithm-key-mismatch' }],
    })
  })
})

describe('the scheme', () => {
  it('of Basic falls through to the cookie under @fastify/jwt, and no cookie is a credential here', async () => {
    const bare = Fastify()
    const cookies = `token=${hmacToken()}`
    bare.decorateRequest('cookies', undefined as never)
    bare.addHook(
      'onRequest',
      async (request) => void ((request as unknown as { cookies: object }).cookies = { token: hmacToken() }),
    )
    await bare.register((await import('@fastify/jwt')).default, {
      secret,
      cookie: { cookieName: 'token', signed: false },
    })
    bare.get('/any', async (request) => request.jwtVerify())
    expect((await get(bare, '/any', 'Basic bWFzdW06eA==', { cookie: cookies })).statusCode).toBe(200)

    const { app } = await guarded({ jwt: { ...jwt, key: secret, algorithms: ['HS256'] } })
    expect((await get(app, '/any', 'Basic bWFzdW06eA==', { cookie: cookies })).statusCode).toBe(401)
    expect((await get(app, '/any', undefined, { cookie: cookies })).statusCode).toBe(401)
  })

  it('is answered by @fastify/jwt without a challenge, and with one here', async () => {
    expect((await get(await officialEs256(), '/any')).headers['www-authenticate']).toBeUndefined()
    const { app } = await guarded({ jwt })
    expect((await get(app, '/any')).headers['www-authenticate']).toBe('Bearer realm="api"')
  })
})

describe('two Authorization fields', () => {
  it('in HTTP/2 are refused too, where Node also keeps the first', async () => {
    const bare = Fastify({ http2: true })
    bare.get('/any', async () => 'ok')
    const app = Fastify({ http2: true })
    await app.register(auth, { jwt })
    app.get('/any', { config: { security: { auth: {} } } }, async () => 'ok')
    const ports: number[] = []
    for (const one of [bare, app]) {
      await one.listen({ host: '127.0.0.1', port: 0 })
      ports.push((one.server.address() as AddressInfo).port)
    }
    const good = `Bearer ${token()}`
    for (const [second, theirs, ours] of [
      [[], 200, 200],
      [['Bearer other'], 200, 400],
      [[good], 200, 400],
    ] as const) {
      expect(await statusOverHttp2(ports[0] as number, [good, ...second])).toBe(theirs)
      expect(await statusOverHttp2(ports[1] as number, [good, ...second])).toBe(ours)
    }
    await Promise.all([bare.close(), app.close()])
  })

  it('leave the second unseen by Node, and are refused here', async () => {
    const lines = (given: string) =>
      `GET /any HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${given}\r\nauthorization: Bearer other\r\nConnection: close\r\n\r\n`
    expect(await onSocket(await officialEs256(), lines(token()))).toContain('HTTP/1.1 200')
    const { app } = await guarded({ jwt })
    const answer = await onSocket(app, lines(token()))
    expect(answer).toContain('HTTP/1.1 400')
    expect(answer).toContain('PTC_AUTH_CREDENTIALS_AMBIGUOUS')
  })

  it('with API keys are no key', async () => {
    const one = `x-api-key: ${apiKey}\r\n`
    const first = await guarded({ apiKeys })
    expect(await onSocket(first.app, `GET /any HTTP/1.1\r\nHost: x\r\n${one}Connection: close\r\n\r\n`)).toContain(
      'HTTP/1.1 200',
    )
    const second = await guarded({ apiKeys })
    expect(
      await onSocket(second.app, `GET /any HTTP/1.1\r\nHost: x\r\n${one}${one}Connection: close\r\n\r\n`),
    ).toContain('HTTP/1.1 401')
  })
})

describe('a look-up that fails', () => {
  const secretOf = 'postgres://app:hunter2@10.0.0.7 is down'
  const authorization = `Basic ${Buffer.from('masum:x').toString('base64')}`

  it.each([
    [
      'throws',
      () => {
        throw new Error(secretOf)
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error(secretOf)
      },
    ],
    ['answers true', () => true as never],
    ['answers with a subject that is none', () => ({ subject: { $gt: '' } }) as never],
    ['answers with scopes that are none', async () => ({ scopes: 'admin' }) as never],
  ])('because verify %s is a 503 that reveals nothing, not a 401', async (_name, verify) => {
    const { app, events, lines } = await guarded({ basic: { verify } })
    const answer = await get(app, '/any', authorization)
    expect(answer.json()).toMatchObject({ status: 503, code: 'PTC_AUTH_UNAVAILABLE', retryAfter: 5 })
    expect(answer.body).not.toContain('hunter2')
    expect(answer.headers['www-authenticate']).toBeUndefined()
    expect(events).toMatchObject([{ type: 'auth.interrupted', severity: 'critical' }])
    expect(lines.some(({ msg }) => String(msg).includes('basic.verify failed'))).toBe(true)
  })

  it('because it never answers is a 503 after the time-out', async () => {
    const { app } = await guarded({ basic: { verify: () => new Promise(() => {}) }, lookUpTimeout: 7 })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const pending = get(app, '/any', authorization)
      while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve))
      vi.advanceTimersByTime(7000)
      expect((await pending).statusCode).toBe(503)
    } finally {
      vi.useRealTimers()
    }
  })

  it('because find throws is a 503 too', async () => {
    const { app } = await guarded({
      apiKeys: {
        find: () => {
          throw new Error(secretOf)
        },
      },
    })
    expect((await get(app, '/any', undefined, { 'x-api-key': apiKey })).statusCode).toBe(503)
  })
})

describe('a route that nobody thought of', () => {
  it('is open on bare Fastify, and closed here', async () => {
    const bare = Fastify()
    bare.get('/closed', async () => ({ ok: true }))
    expect((await get(bare, '/closed')).statusCode).toBe(200)
    const { app } = await guarded({ jwt })
    expect((await get(app, '/closed')).statusCode).toBe(401)
  })
})

/** Writes bytes to a listening app and reads until it closes the connection. */
async function onSocket(app: FastifyInstance, bytes: string): Promise<string> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  try {
    const { port } = app.server.address() as AddressInfo
    return await new Promise((resolve, reject) => {
      let answer = ''
      createConnection(port, '127.0.0.1')
        .on('error', reject)
        .on('data', (chunk) => (answer += chunk.toString()))
        .on('close', () => resolve(answer))
        .end(bytes)
    })
  } finally {
    await app.close()
  }
}
