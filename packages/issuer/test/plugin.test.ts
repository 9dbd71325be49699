import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeSecurity, onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import issuer, {
  memoryStore,
  refresh,
  refuse,
  rotateKeys,
  sessions,
  signIn,
  signOut,
  verifyPassword,
} from '../src/index.ts'
import { claimsOf, codeOf, given, smallest, stage } from './stage.ts'

describe('the example', () => {
  it('registers, signs in, refreshes and logs out', async () => {
    const { app } = await import('../example.ts')
    onTestFinished(() => app.close())
    const post = (url: string, payload: object) => app.inject({ method: 'POST', url, payload })
    const alice = { email: 'alice@example.com', password: 'correct horse battery' }
    const weak = await post('/register', { ...alice, password: 'too short' })
    expect([weak.statusCode, weak.json().error]).toEqual([422, 'The password needs at least 15 characters.'])
    const [first, again] = [await post('/register', alice), await post('/register', alice)]
    // Whether the address is known stays open.
    expect([first.statusCode, first.body]).toEqual([again.statusCode, again.body])

    const [wrong, unknown] = [
      await post('/login', { ...alice, password: 'wrong' }),
      await post('/login', { ...alice, email: 'bob@example.com' }),
    ]
    expect([wrong.statusCode, wrong.body]).toEqual([401, unknown.body])
    expect([wrong.headers['www-authenticate'], wrong.headers['cache-control']]).toEqual(['Bearer', 'no-store'])
    const grant = (await post('/login', alice)).json()
    expect(claimsOf(grant)).toMatchObject({ sub: 'user-1', scope: 'profile:read' })
    const next = (await post('/refresh', grant)).json()
    expect((await post('/logout', next)).statusCode).toBe(204)
    const ended = await post('/refresh', next)
    expect([ended.statusCode, ended.json().code]).toEqual([401, 'PTC_ISSUER_SESSION_ENDED'])
    expect((await app.inject('/.well-known/jwks.json')).json().keys).toHaveLength(2)
  })

  it('is what the README shows', () => {
    const read = (name: string): string => readFileSync(join(import.meta.dirname, '..', name), 'utf8')
    expect(read('README.md')).toContain(`\`\`\`ts\n${read('example.ts')}\`\`\``)
  })
})

describe('the functions', () => {
  it('take an app inside, or a request, and raise their events there', async () => {
    const { app } = await stage()
    const inner: SecurityEvent[] = []
    const second = Fastify()
    onTestFinished(() => second.close())
    await second.register(issuer, { ...smallest, password: { memoryKiB: 8, passes: 1, dangerouslyCheapHashes: true } })
    await second.register(async (scope) => {
      onSecurityEvent(scope, (event) => void inner.push(event))
      scope.post('/login', async (request) => given(await signIn(request, { subject: 'u' })))
      scope.post('/guess', async (request, reply) => {
        const verified = await verifyPassword(request, 'guess', null)
        return 'refusal' in verified ? refuse(request, reply, verified.refusal) : {}
      })
    })
    const grant = (await second.inject({ method: 'POST', url: '/login' })).json()
    await second.inject({ method: 'POST', url: '/guess' })
    expect(inner.map(({ type, outcome, request, detail }) => [type, outcome, request?.url, detail])).toEqual([
      ['issuer.signed-in', 'allowed', '/login', { subject: 'u', session: grant.sessionId }],
      ['issuer.rejected', 'denied', '/guess', { reason: 'unknown' }],
    ])
    // Another registration is another issuer: it has neither these sessions nor these keys.
    expect(codeOf(await refresh(app, grant.refreshToken))).toBe('PTC_ISSUER_SESSION_ENDED')
  })

  it('say so where no issuer is registered', async () => {
    const app = Fastify()
    onTestFinished(() => app.close())
    for (const call of [signIn(app, { subject: 'u' }), sessions(app, 'u'), rotateKeys(app)])
      await expect(call).rejects.toMatchObject({ code: 'PTC_ISSUER_ABSENT' })
  })

  it('answer 503 while the store is away, and tell nobody why', async () => {
    const store = memoryStore()
    const down = (): never => {
      throw new Error('connect ECONNREFUSED 10.0.0.7:5432')
    }
    const broken = Object.fromEntries(
      ['open', 'find', 'refresh', 'note', 'end', 'list'].map((name) => [name, async () => down()]),
    )
    const { app } = await stage({ store: { ...store, sessions: { ...broken, purge: async () => {} } as never } })
    const answers = [
      await signIn(app, { subject: 'u' }),
      await refresh(app, 'a'.repeat(43)),
      await sessions(app, 'u'),
      await signOut(app, { refreshToken: 'a'.repeat(43) }),
    ]
    for (const answer of answers) {
      expect(codeOf(answer)).toBe('PTC_ISSUER_UNAVAILABLE')
      expect(answer).toMatchObject({ refusal: { problem: { status: 503, retryAfter: 5 } } })
      expect(JSON.stringify((answer as { refusal: { problem: object } }).refusal.problem)).not.toContain('10.0.0.7')
    }
  })

  it('end the session and say so when access tokens cannot be revoked', async () => {
    const { app, types } = await stage({
      revoke: {
        token: () => Promise.reject(new Error('Redis is away')),
        subject: () => Promise.reject(new Error('too')),
      },
    })
    const { refreshToken } = given(await signIn(app, { subject: 'u' }))
    expect(await signOut(app, { refreshToken })).toEqual({ sessions: 1, revoked: false })
    expect(codeOf(await refresh(app, refreshToken))).toBe('PTC_ISSUER_SESSION_ENDED')
    expect(types()).toEqual(['issuer.signed-in', 'issuer.signed-out', 'issuer.interrupted'])
  })
})

it('a second registration in one scope is refused, one in a scope inside is an issuer of its own', async () => {
  const app = Fastify()
  onTestFinished(() => app.close())
  const password = { memoryKiB: 8, passes: 1, dangerouslyCheapHashes: true }
  await app.register(issuer, { ...smallest, password })
  await app.register(
    async (scope) => {
      await scope.register(issuer, { ...smallest, issuer: 'https://partners.example.com', password })
      scope.post('/login', async (request) => given(await signIn(request, { subject: 'u' })))
    },
    { prefix: '/partners' },
  )
  const grant = (await app.inject({ method: 'POST', url: '/partners/login' })).json()
  expect(claimsOf(grant)['iss']).toBe('https://partners.example.com')
  const [outer, inner] = [
    await app.inject('/.well-known/jwks.json'),
    await app.inject('/partners/.well-known/jwks.json'),
  ]
  expect(outer.body).not.toBe(inner.body)
})

it('describes itself without its secret', async () => {
  const secret = 'Zq3v8Yt1LmN0pXwR5sKd7uHj2GfB9cEa4iO6'
  const { app } = await stage({ secret })
  expect(JSON.stringify(describeSecurity(app))).toContain('"secret":"[secret]"')
  expect(JSON.stringify(describeSecurity(app))).not.toContain(secret)
})

it('closes what it opened', async () => {
  const { app } = await stage()
  given(await signIn(app, { subject: 'u' }))
  await app.close()
})
