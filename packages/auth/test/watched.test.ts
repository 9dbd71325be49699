import { type AdmissionEnd, watchAdmission } from '@portcullis/kernel'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import auth, { openRevocations, revoke, revokeSubject } from '../src/index.ts'
import { RevokedTokens } from '../src/revocation/revoked-tokens.ts'
import { RevocationStore } from '../src/revocation/store.ts'
import { jwt } from './apps.ts'
import { issuer, token } from './forge.ts'
import { ManualClock } from './manual-clock.ts'

const now = 1_800_000_000
const subject = 'user-101'

/** A request that is under way with that token. */
async function appWith(memory = openRevocations()) {
  const app = Fastify()
  await app.register(auth, { jwt: { ...jwt, clock: () => now * 1000 }, revocation: { memory } })
  let seen: FastifyRequest | undefined
  app.get('/', { config: { security: { auth: {} } } }, async (request) => {
    seen = request
  })
  const asked = async (claims: object): Promise<FastifyRequest> => {
    await app.inject({ url: '/', headers: { authorization: `Bearer ${token({ iat: now, sub: subject, ...claims })}` } })
    return seen as FastifyRequest
  }
  return { app, asked }
}

/** Whether it was ended. */
function watch(request: FastifyRequest): { ended: () => number; stop: () => void } {
  let ended = 0
  const stop = watchAdmission(request, () => void ended++)
  return { ended: () => ended, stop }
}

/** Why it was ended. */
function watchReasons(request: FastifyRequest): { ends: AdmissionEnd[]; stop: () => void } {
  const ends: AdmissionEnd[] = []
  return { ends, stop: watchAdmission(request, (why) => void ends.push(why)) }
}

describe('a request that stays, with a token', () => {
  it('ends when the token, or all of its subject, are revoked, and at nothing else', async () => {
    const { app, asked } = await appWith()
    const [one, two] = [watch(await asked({ jti: 'one' })), watch(await asked({ sub: 'user-102' }))]
    await revoke(app, { issuer: 'https://other.example.com', tokenId: 'one' })
    await revoke(app, { issuer, tokenId: 'two' })
    await revokeSubject(app, { issuer, subject, before: now - 10 })
    expect([one.ended(), two.ended()]).toEqual([0, 0])
    await revoke(app, { issuer, tokenId: 'one' })
    expect([one.ended(), two.ended()]).toEqual([1, 0])
    await revokeSubject(app, { issuer, subject: 'user-102' })
    expect([one.ended(), two.ended()]).toEqual([1, 1])
  })

  it('ends when it was revoked while the request was on its way', async () => {
    const { app, asked } = await appWith()
    const request = await asked({ jti: 'one' })
    await revoke(app, { issuer, tokenId: 'one' })
    expect(watch(request).ended()).toBe(1)
  })

  it('ends when another app with the same memory has revoked it', async () => {
    const memory = openRevocations()
    const [one, other] = [await appWith(memory), await appWith(memory)]
    const { ended } = watch(await one.asked({ jti: 'one' }))
    await revoke(other.app, { issuer, tokenId: 'one' })
    expect(ended()).toBe(1)
  })

  it('ends at nothing once it is over', async () => {
    const { app, asked } = await appWith()
    const { ended, stop } = watch(await asked({ jti: 'one' }))
    stop()
    await revoke(app, { issuer, tokenId: 'one' })
    expect(ended()).toBe(0)
  })
})

describe('a request that stays, by time', () => {
  it.each([
    ['exp', { exp: now + 100 }, 100],
    ['maxTokenAge after iat', { exp: now + 2_592_000 }, 86_400],
    ['exp, of a token without revocation', { exp: now + 2_592_000 }, 2_592_000, {}],
  ])('ends at %s', async (_when, claims, seconds, options = { revocation: {} }) => {
    vi.useFakeTimers({ now: now * 1000, toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    onTestFinished(() => void vi.useRealTimers())
    const app = Fastify()
    await app.register(auth, { jwt, ...options })
    let seen: FastifyRequest | undefined
    app.get('/', { config: { security: { auth: {} } } }, async (request) => {
      seen = request
    })
    await app.inject({ url: '/', headers: { authorization: `Bearer ${token({ iat: now, ...claims })}` } })
    const { ends } = watchReasons(seen as FastifyRequest)
    vi.advanceTimersByTime(seconds * 1000 - 1)
    expect(ends).toEqual([])
    vi.advanceTimersByTime(1)
    expect(ends).toEqual(['expired'])
  })
})

describe('while Redis is away', () => {
  /** A list that is shared with nobody, and what becomes of a request that it watches. */
  async function staged(closed: boolean) {
    const clock = new ManualClock(now * 1000)
    const list = new RevokedTokens(100, () => now)
    let isAway = false
    const answer = async (): Promise<never[]> => {
      if (isAway) throw new Error('away')
      return []
    }
    const subscriber = { subscribe: answer, ping: answer, on: () => {}, disconnect: () => {} }
    const client = {
      eval: answer,
      zscan: async () => ['0', await answer()] as [string, string[]],
      duplicate: () => subscriber,
    }
    const lines: string[] = []
    const store = new RevocationStore({
      client,
      prefix: '',
      list,
      clock,
      closed,
      onAway: () => void lines.push('away'),
      onBack: () => void lines.push('back'),
    })
    await store.start()
    const told: string[] = []
    const watching = () => list.watch(subject, { iss: issuer, iat: now }, (why) => void told.push(why))
    const pass = (seconds: number) => clock.pass(seconds * 1000, () => new Promise((resolve) => setImmediate(resolve)))
    return { store, told, lines, watching, pass, setAway: (is: boolean) => void (isAway = is) }
  }

  it('what is open ends after half a minute, and what opens until Redis is back at once', async () => {
    const { told, lines, watching, pass, setAway } = await staged(true)
    const stop = watching()
    setAway(true)
    await pass(30)
    expect([told, lines]).toEqual([[], ['away']])
    await pass(1)
    expect(told).toEqual(['unavailable'])
    watching()
    expect(told).toEqual(['unavailable', 'unavailable'])
    stop()
    setAway(false)
    await pass(1)
    watching()
    expect([told.length, lines]).toEqual([2, ['away', 'back']])
  })

  it('for less than that, nothing ends; the next outage has its own half minute', async () => {
    const { told, watching, pass, setAway } = await staged(true)
    watching()
    for (let outage = 0; outage < 3; outage++) {
      setAway(true)
      await pass(28)
      setAway(false)
      await pass(2)
    }
    expect(told).toEqual([])
  })

  it('nothing ends where the policy is to go by what is known, nor in an app that closes', async () => {
    const [open, closing] = [await staged(false), await staged(true)]
    for (const { watching, setAway, pass } of [open, closing]) {
      watching()
      setAway(true)
      await pass(1)
    }
    closing.store.close()
    for (const { pass } of [open, closing]) await pass(600)
    expect([open.told, closing.told]).toEqual([[], []])
  })
})

describe('requests that stay, in scopes of their own', () => {
  /** A scope for each, with its own registration, and a request that stays in each. */
  async function staged() {
    const app = Fastify()
    const seen = new Map<string, FastifyRequest>()
    const scopes = new Map<string, FastifyInstance>()
    for (const prefix of ['/one', '/two']) {
      await app.register(
        async (scope) => {
          scopes.set(prefix, scope)
          await scope.register(auth, { jwt: { ...jwt, clock: () => now * 1000 }, revocation: {} })
          scope.get('/', { config: { security: { auth: {} } } }, async (request) => void seen.set(prefix, request))
        },
        { prefix },
      )
    }
    app.get('/', async (request) => void seen.set('/', request))
    const headers = { authorization: `Bearer ${token({ iat: now, jti: 'one' })}` }
    for (const url of ['/one', '/two', '/']) expect((await app.inject({ url, headers })).statusCode).toBe(200)
    const watched = (prefix: string) => watchReasons(seen.get(prefix) as FastifyRequest).ends
    return { app, scopes, ends: ['/one', '/two', '/'].map(watched) }
  }

  it('end with what is revoked in their own, and not beside it', async () => {
    const { scopes, ends } = await staged()
    await revoke(scopes.get('/one') as FastifyInstance, { issuer, tokenId: 'one' })
    expect(ends).toEqual([['revoked'], [], []])
    await revoke(scopes.get('/two') as FastifyInstance, { issuer, tokenId: 'one' })
    expect(ends).toEqual([['revoked'], ['revoked'], []])
  })

  it('are no business of whoever revokes around them', async () => {
    const { app, ends } = await staged()
    await expect(revoke(app, { issuer, tokenId: 'one' })).rejects.toMatchObject({ code: 'PTC_AUTH_REVOCATION_ABSENT' })
    expect(ends).toEqual([[], [], []])
  })
})
