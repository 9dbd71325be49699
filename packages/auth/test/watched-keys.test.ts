import { type AdmissionEnd, watchAdmission } from '@portcullis/kernel'
import Fastify, { type FastifyRequest } from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import auth from '../src/index.ts'
import { jwt } from './apps.ts'
import { claims, es256, signed, withEs256 } from './forge.ts'
import { IdentityProvider, makeKey } from './identity-provider.ts'
import { verifying } from './verifying.ts'

/** Why it was ended. */
function watchReasons(request: FastifyRequest): { ends: AdmissionEnd[]; stop: () => void } {
  const ends: AdmissionEnd[] = []
  return { ends, stop: watchAdmission(request, (why) => void ends.push(why)) }
}

describe('a request that stays, when the issuer takes its key away', () => {
  async function stagedFor(issuerKeys: () => string, token: string) {
    const { key: _key, ...rest } = jwt
    const app = Fastify()
    await app.register(auth, { jwt: { ...rest, jwks: issuerKeys } })
    let seen: FastifyRequest | undefined
    app.get('/', { config: { security: { auth: {} } } }, async (request) => {
      seen = request
    })
    const ask = async () => (await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })).statusCode
    expect(await ask()).toBe(200)
    return { ask, watched: () => watchReasons(seen as FastifyRequest) }
  }
  const keys = (...kids: string[]): string =>
    JSON.stringify({ keys: kids.map((kid) => ({ kid, ...es256.publicKey.export({ format: 'jwk' }) })) })
  const given = signed({ alg: 'ES256', typ: 'at+jwt', kid: 'a' }, claims, withEs256(es256.privateKey))

  it('ends, and goes on where another one is added', async () => {
    let told = keys('a')
    const { ask, watched } = await stagedFor(() => told, given)
    const { ends } = watched()
    told = keys('a', 'b')
    expect([await ask(), ends]).toEqual([200, []])
    told = keys('b')
    expect([await ask(), ends]).toEqual([401, ['revoked']])
  })

  it('ends as one that cannot be decided, where the issuer does not tell its keys', async () => {
    let told: string | undefined = keys('a')
    const { ask, watched } = await stagedFor(() => told as string, given)
    const { ends } = watched()
    told = undefined
    expect([await ask(), ends]).toEqual([503, ['unavailable']])
  })

  it('ends at nothing once it is over', async () => {
    let told = keys('a')
    const { ask, watched } = await stagedFor(() => told, given)
    const { ends, stop } = watched()
    stop()
    told = keys('b')
    expect([await ask(), ends]).toEqual([401, []])
  })
})

describe('what stays, when an issuer that is fetched from takes its key away', () => {
  let provider: IdentityProvider
  beforeEach(async () => void (provider = await IdentityProvider.start()))
  afterEach(() => provider.stop())

  it('ends with the answer that has the key no more, all of it alike, and nobody asks again', async () => {
    const verifier = verifying(provider, { jwksMaxAge: 300 })
    await verifier.keys.start()
    const [old] = provider.keys
    const told: (readonly string[])[] = []
    for (let one = 0; one < 1_100; one++) told.push(await verifier.watch(provider.token(old, { jti: `${one}` })))
    provider.keys = [...provider.keys, makeKey('key-2')]
    await verifier.pass(290)
    expect(new Set(told.flat())).toEqual(new Set())
    provider.keys = [makeKey('key-3')]
    const asked = provider.asked.keys
    await verifier.pass(290)
    expect(told.every(([why, ...more]) => why === 'unknown-key' && more.length === 0)).toBe(true)
    expect(provider.asked.keys).toBe(asked + 1)
  })

  it('goes on while the issuer is away, for as long as its keys do', async () => {
    const verifier = verifying(provider, { jwksMaxAge: 300, jwksMaxStale: 600 })
    await verifier.keys.start()
    const told = await verifier.watch(provider.token())
    await provider.stop()
    await verifier.pass(800)
    expect(told).toEqual([])
    await verifier.pass(200)
    expect(told).toEqual(['unavailable'])
  })
})
