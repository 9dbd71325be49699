import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import auth, { openRevocations, revoke, type Revocations, revokeSubject } from '../src/index.ts'
import { get, jwt } from './apps.ts'
import { issuer, token } from './forge.ts'

const now = 1_800_000_000

interface Place {
  readonly memory?: Revocations
  readonly maxTokenAge?: number
  /** Seconds. */
  readonly clock?: () => number
}

async function guarded({ clock = () => now, ...revocation }: Place = {}): Promise<FastifyInstance> {
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(auth, { jwt: { ...jwt, clock: () => clock() * 1000 }, revocation })
  app.get('/any', { config: { security: { auth: {} } } }, async () => 'ok')
  await app.ready()
  return app
}

const ask = async (app: FastifyInstance, given: string): Promise<number> =>
  (await get(app, '/any', `Bearer ${given}`)).statusCode

describe('a stolen token that was revoked, presented to the app that replaces another', () => {
  it('is admitted where each remembers by itself', async () => {
    const stolen = token({ iat: now, jti: 'stolen' })
    await revoke(await guarded(), { issuer, tokenId: 'stolen' })
    expect(await ask(await guarded(), stolen)).toBe(200)
  })

  it('is refused where both have a place in common', async () => {
    const memory = openRevocations()
    const old = await guarded({ memory })
    const [stolen, another] = [token({ iat: now, jti: 'stolen' }), token({ iat: now, sub: 'user-102' })]
    await revoke(old, { issuer, tokenId: 'stolen' })
    await revokeSubject(old, { issuer, subject: 'user-101' })
    const next = await guarded({ memory })
    await old.close()
    expect([await ask(next, stolen), await ask(next, token({ iat: now, jti: 'b' })), await ask(next, another)]).toEqual(
      [401, 401, 200],
    )
  })

  it('is refused by both while both answer, whichever was told, though it is remembered', async () => {
    const memory = openRevocations()
    const [old, next] = [await guarded({ memory }), await guarded({ memory })]
    const tokens = ['a', 'b'].map((jti) => token({ iat: now, jti })) as [string, string]
    const all = (): Promise<number[]> => Promise.all([old, next].flatMap((app) => tokens.map((one) => ask(app, one))))
    expect(await all()).toEqual([200, 200, 200, 200])
    await revoke(old, { issuer, tokenId: 'a' })
    expect(await all()).toEqual([401, 200, 401, 200])
    await revoke(next, { issuer, tokenId: 'b' })
    expect(await all()).toEqual([401, 401, 401, 401])
  })

  it.each([
    ['300 seconds', [300, 86_400]],
    ['300 seconds, and an app before it a day', [86_400, 300, 86_400]],
  ])('is refused by one that accepts tokens for a day, where it was revoked in one of %s', async (_what, ages) => {
    const memory = openRevocations()
    let time = now
    const clock = (): number => time
    const apps: FastifyInstance[] = []
    for (const maxTokenAge of ages) {
      apps.push(await guarded({ memory, clock, maxTokenAge }))
      if (apps.length === ages.length - 1)
        await revokeSubject(apps.at(-1) as FastifyInstance, { issuer, subject: 'user-101' })
    }
    const next = apps.at(-1) as FastifyInstance
    const stolen = token({ iat: now, exp: now + 86_400, jti: 'stolen' })
    for (time = now; time < now + 86_400; time += 3600) {
      // One more, so that what is over is forgotten.
      await revoke(next, { issuer, tokenId: 'other' })
      expect(await ask(next, stolen)).toBe(401)
    }
  })
})

it('refuses a place that is none', async () => {
  await expect(guarded({ memory: {} as never })).rejects.toThrow(
    'revocation.memory  must be what `openRevocations()` gives',
  )
})
