import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import type { FastifyInstance } from 'fastify'
import { inspect } from 'node:util'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { memoryStore, rotateKeys, signIn } from '../src/index.ts'
import type { StoredKey } from '../src/stores/store.ts'
import { deskOf } from '../src/desk.ts'
import { claimsOf, given, headerOf, smallest, stage, testClock } from './stage.ts'

const DAY = 86_400
const secret = 'Zq3v8Yt1LmN0pXwR5sKd7uHj2GfB9cEa4iO6'
const jwks = async (app: FastifyInstance): Promise<JSONWebKeySet> => (await app.inject('/.well-known/jwks.json')).json()
const kids = async (app: FastifyInstance): Promise<unknown[]> => (await jwks(app)).keys.map(({ kid }) => kid)
const token = async (app: FastifyInstance) => given(await signIn(app, { subject: 'user-1', scopes: ['a'] }))

describe('the key ring', () => {
  it.each(['ES256', 'EdDSA'] as const)(
    'signs with %s what a strict verifier accepts from the published keys',
    async (algorithm) => {
      const { app, clock } = await stage({ keys: { algorithm } })
      const { accessToken } = await token(app)
      const { protectedHeader } = await jwtVerify(accessToken, createLocalJWKSet(await jwks(app)), {
        algorithms: [algorithm],
        typ: 'at+jwt',
        issuer: smallest.issuer,
        audience: smallest.audience,
        requiredClaims: ['sub', 'iat', 'exp', 'jti', 'client_id', 'auth_time'],
        currentDate: new Date(clock.now()),
      })
      expect(protectedHeader).toEqual({ alg: algorithm, typ: 'at+jwt', kid: (await kids(app))[0] })
    },
  )

  it('publishes the next key before it signs, and the last one until its last token has expired', async () => {
    const { app, clock, types } = await stage()
    const [first, second] = await kids(app)
    expect(headerOf(await token(app))['kid']).toBe(first)
    clock.pass(DAY)
    const old = await token(app)
    await rotateKeys(app)
    const [current, next, retired] = await kids(app)
    expect([current, retired]).toEqual([second, first])
    expect([first, second]).not.toContain(next)
    expect(headerOf(await token(app))['kid']).toBe(second)
    expect(types()).toContain('issuer.rotated')

    const { keys } = deskOf(app)
    clock.pass(300)
    await keys.turn()
    expect(await kids(app)).toContain(headerOf(old)['kid'])
    clock.pass(181)
    await keys.turn()
    expect(await kids(app)).toEqual([current, next])
  })

  it('rotates by age', async () => {
    const { app, clock } = await stage()
    const [first, second] = await kids(app)
    const { keys } = deskOf(app)
    clock.pass(30 * DAY - 1)
    await keys.turn()
    expect((await kids(app))[0]).toBe(first)
    clock.pass(1)
    await keys.turn()
    expect((await kids(app))[0]).toBe(second)
    await keys.turn()
    expect((await kids(app))[0]).toBe(second)
  })

  it('refuses to sign with a key that nobody can know yet', async () => {
    const { app, clock } = await stage()
    clock.pass(DAY - 1)
    await expect(rotateKeys(app)).rejects.toMatchObject({ code: 'PTC_ISSUER_KEY_UNPUBLISHED' })
    clock.pass(1.25)
    const [made, now] = [clock.seconds() - DAY - 0.25, clock.seconds() - 0.25]
    // Whole seconds, as all times that are shown.
    await expect(rotateKeys(app)).resolves.toMatchObject([
      { state: 'current', createdAt: made, changedAt: now },
      { state: 'next', createdAt: now, changedAt: now },
      { state: 'retired', createdAt: made, changedAt: now },
    ])
  })

  it('is thrown away at once when a key has leaked', async () => {
    const { app } = await stage()
    const before = await kids(app)
    const stolen = await token(app)
    await rotateKeys(app, { compromised: true })
    const after = await kids(app)
    expect(after).toHaveLength(2)
    expect(after.filter((kid) => before.includes(kid))).toEqual([])
    await expect(jwtVerify(stolen.accessToken, createLocalJWKSet(await jwks(app)))).rejects.toThrow('no applicable key')
  })

  it('is one ring for all processes, however many begin or rotate it at once', async () => {
    const [store, clock] = [memoryStore(), testClock()]
    const apps = await Promise.all([1, 2, 3].map(async () => (await stage({ store, secret }, clock)).app))
    const rings = await Promise.all(apps.map(kids))
    expect(new Set(rings.map(String)).size).toBe(1)
    clock.pass(30 * DAY)
    await Promise.all(apps.map((app) => deskOf(app).keys.turn()))
    await Promise.all(apps.map((app) => deskOf(app).keys.turn()))
    for (const app of apps) {
      expect((await kids(app)).slice(0, 1)).toEqual(rings[0]?.slice(1))
      expect(headerOf(await token(app))['kid']).toBe(rings[0]?.[1])
    }
  })

  it('survives a restart with the same secret, and refuses to boot with another', async () => {
    const store = { ...memoryStore(), durable: true }
    const first = await stage({ store, secret })
    const second = await stage({ store, secret })
    expect(await kids(second.app)).toEqual(await kids(first.app))
    await expect(stage({ store, secret: secret.toLowerCase() })).rejects.toMatchObject({
      code: 'PTC_ISSUER_KEYS_UNREADABLE',
    })
  })

  it('shows no private key: not in the JWK Set, in JSON, to util.inspect or in the store', async () => {
    const store = memoryStore()
    const { app, clock } = await stage({ store })
    clock.pass(DAY)
    await rotateKeys(app)
    const desk = deskOf(app)
    for (const { d, p, q, k } of (await jwks(app)).keys) expect([d, p, q, k]).toEqual(Array(4).fill(undefined))
    const stored = await store.keys.read()
    const shown =
      JSON.stringify([desk.keys, stored]) + inspect(desk.keys, { depth: 9, showHidden: true }) + inspect(stored)
    expect(shown).not.toMatch(/PRIVATE KEY/)
    expect(JSON.stringify(desk.keys)).not.toMatch(/privateKey/)
    // A retired key verifies, and signs nothing ever again.
    expect(stored.map(({ state, privateKey }) => [state, privateKey === null])).toEqual([
      ['current', false],
      ['next', false],
      ['retired', true],
    ])
  })

  it('signs with the old key while the store is away', async () => {
    const store = memoryStore()
    let away = false
    const keys = { ...store.keys, read: () => (away ? Promise.reject(new Error('away')) : store.keys.read()) }
    const { app } = await stage({ store: { ...store, keys } })
    away = true
    await expect(deskOf(app).keys.turn()).rejects.toThrow('away')
    expect(claimsOf(await token(app))['sub']).toBe('user-1')
    away = false
    await deskOf(app).keys.turn()
  })
})

describe('while the app runs', () => {
  const ticking = () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    return () => void vi.advanceTimersByTime(60_000)
  }

  it('keys rotate without anybody asking', async () => {
    const tick = ticking()
    const { app, clock, types } = await stage()
    const [, second] = await kids(app)
    clock.pass(30 * DAY)
    tick()
    await vi.waitFor(async () => expect((await kids(app))[0]).toBe(second))
    expect(types()).toEqual(['issuer.rotated'])
  })

  it('a store that fails is told, one that hangs is asked once, and both are asked again later', async () => {
    const tick = ticking()
    const store = memoryStore()
    let answer = (): Promise<readonly StoredKey[]> => store.keys.read()
    const read = vi.fn<() => Promise<readonly StoredKey[]>>(() => answer())
    const { types } = await stage({ store: { ...store, keys: { ...store.keys, read } } })
    answer = () => Promise.reject(new Error('away'))
    tick()
    await vi.waitFor(() => expect(types()).toEqual(['issuer.interrupted']))
    let release = (): void => {}
    answer = () => new Promise((resolve) => (release = () => void store.keys.read().then(resolve)))
    tick()
    await vi.waitFor(() => expect(read).toHaveBeenCalledTimes(3))
    tick()
    tick()
    await Promise.resolve()
    expect(read).toHaveBeenCalledTimes(3)
    release()
    answer = () => store.keys.read()
    await vi.waitFor(() => {
      tick()
      expect(read).toHaveBeenCalledTimes(4)
    })
    expect(types()).toEqual(['issuer.interrupted'])
  })
})

describe('the JWKS route', () => {
  it('may be cached, and stands where it is told', async () => {
    const { app } = await stage({ jwks: { path: '/keys', maxAge: 60 } })
    const answer = await app.inject('/keys')
    expect(answer.headers['cache-control']).toBe('public, max-age=60')
    expect(answer.headers['content-type']).toContain('application/jwk-set+json')
    expect((await app.inject({ method: 'HEAD', url: '/keys' })).statusCode).toBe(200)
    expect((await app.inject('/.well-known/jwks.json')).statusCode).toBe(404)
  })
})
