import { watchAdmission } from '@portcullis/kernel'
import Fastify, { type FastifyRequest } from 'fastify'
import { describe, expect, it } from 'vitest'
import type { Outcome, Strategy } from '../src/identity.ts'
import auth, { openRevocations, revoke, revokeSubject } from '../src/index.ts'
import { AskedAgain } from '../src/remote/asked-again.ts'
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

describe('a credential that is asked about again', () => {
  function stage(answer: (credential: string) => Outcome | Promise<Outcome>) {
    const clock = new ManualClock()
    const again = new AskedAgain(clock)
    const strategy = again.watching({ scheme: 'session', find: () => null, verify: answer }) as Required<Strategy>
    const told: string[] = []
    const watch = (credential: string): (() => void) =>
      strategy.watch(credential, {} as never, (outcome) => void told.push(`${credential} ${outcome as string}`))
    const pass = (seconds: number): Promise<void> =>
      clock.pass(seconds * 1000, () => new Promise((resolve) => setTimeout(resolve, 5)))
    return { again, watch, told, pass }
  }

  it('is looked up every five seconds, as long as it is watched', async () => {
    const { watch, told, pass } = stage(() => 'unknown')
    const stop = watch('a')
    await pass(4.9)
    expect(told).toEqual([])
    await pass(5.1)
    expect(told).toEqual(['a unknown', 'a unknown'])
    stop()
    await pass(60)
    expect(told).toHaveLength(2)
    watch('b')
    await pass(5)
    expect(told).toEqual(['a unknown', 'a unknown', 'b unknown'])
  })

  it('takes at most eight of the places of requests, and each in its turn', async () => {
    let [underWay, most, asked] = [0, 0, 0]
    const { watch, told, pass } = stage(async (): Promise<Outcome> => {
      asked++
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setImmediate(resolve))
      underWay--
      return 'unknown'
    })
    for (let one = 0; one < 500; one++) watch(String(one))
    await pass(5)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect([most, asked, new Set(told).size]).toEqual([8, 500, 500])
  })

  it('is asked about in its turn though others cannot be told, and the log has few lines of that', async () => {
    let failures = 0
    const { watch, told, pass } = stage(async (credential): Promise<Outcome> => {
      if (credential === 'last') return 'unknown'
      failures++
      return 'unavailable'
    })
    for (let one = 0; one < 100; one++) watch(String(one))
    watch('last')
    await pass(5)
    expect(failures).toBeLessThan(16 + 8)
    await pass(30)
    expect(told).toContain('last unknown')
  })

  it('is told of to nobody who has stopped meanwhile, or when the app has closed', async () => {
    const answers: ((outcome: Outcome) => void)[] = []
    const { again, watch, told, pass } = stage(() => new Promise((resolve) => answers.push(resolve)))
    const stop = watch('a')
    watch('b')
    await pass(5)
    stop()
    again.close()
    for (const answer of answers) answer('unknown')
    await pass(60)
    expect(told).toEqual(['b unknown'])
    expect(answers).toHaveLength(2)
  })
})
