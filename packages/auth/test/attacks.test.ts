import fastifyJwt from '@fastify/jwt'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { describe, expect, it } from 'vitest'
import auth, { type AuthRoute, createApiKey, type AuthOptions } from '../src/index.ts'
import { get, jwt } from './apps.ts'
import { audience, es256, issuer, pem, signed, token, withEs256 } from './forge.ts'

interface Claims {
  readonly sub: string
  readonly roles?: string
  readonly iat?: number
}

/** A route as it is usually written with @fastify/jwt: the token is verified, and the handler asks one question. */
async function usual(admits: (user: Claims, request: FastifyRequest) => boolean): Promise<FastifyInstance> {
  const app = Fastify()
  const verify = { algorithms: ['ES256' as const], allowedIss: [issuer, other], allowedAud: audience }
  await app.register(fastifyJwt, { secret: { public: pem } as never, verify })
  app.get('/orders/:id', async (request, reply) => {
    await request.jwtVerify()
    return admits(request.user as Claims, request) ? 'ok' : reply.code(403).send()
  })
  return app
}

async function ours(policy: AuthRoute, options: AuthOptions = { jwt }): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(auth, options)
  app.get('/orders/:id', { config: { security: { auth: policy } } }, async () => 'ok')
  return app
}

const other = 'https://other.example.com'
const foreign = (members: object): string =>
  signed(
    { alg: 'ES256', typ: 'at+jwt' },
    { iss: other, aud: audience, exp: 4_000_000_000, ...members },
    withEs256(es256.privateKey),
  )
const owners: Readonly<Record<string, string>> = { 7: 'user-101', 8: 'user-102' }
const ownerOf = ({ params }: FastifyRequest) => owners[(params as { id: string }).id] ?? null
const status = async (app: FastifyInstance, url: string, given: string): Promise<number> =>
  (await get(app, url, `Bearer ${given}`)).statusCode

describe('an attacker with a good token', () => {
  it('reads an order of somebody else by counting up where only the token is looked at, and not here', async () => {
    const theirs = await usual(() => true)
    expect(await status(theirs, '/orders/8', token())).toBe(200)
    const app = await ours({ owner: ownerOf })
    expect([await status(app, '/orders/8', token()), await status(app, '/orders/7', token())]).toEqual([403, 200])
  })

  it('is who owns an order because another issuer gave it that name, where subjects alone are compared', async () => {
    const stranger = foreign({ sub: 'user-101' })
    const theirs = await usual((user, request) => user.sub === ownerOf(request))
    expect(await status(theirs, '/orders/7', stranger)).toBe(200)
    const options = { jwt: { audience, issuers: [jwt, { ...jwt, issuer: other }] } }
    const app = await ours({ owner: (request) => ({ subject: ownerOf(request) ?? '-', issuer }) }, options)
    expect([await status(app, '/orders/7', stranger), await status(app, '/orders/7', token())]).toEqual([403, 200])
  })

  it('has a role whose name contains another, where `includes` meets a string', async () => {
    const tester = token({ roles: 'not-admin' })
    const theirs = await usual((user) => user.roles?.includes('admin') === true)
    expect(await status(theirs, '/orders/7', tester)).toBe(200)
    const app = await ours({ roles: ['admin'] })
    expect([
      await status(app, '/orders/7', tester),
      await status(app, '/orders/7', token({ roles: ['admin'] })),
    ]).toEqual([403, 200])
  })

  it('renews an old sign-in by refreshing the token, where its age is taken for that of the sign-in', async () => {
    const now = Math.floor(Date.now() / 1000)
    const refreshed = token({ iat: now, auth_time: now - 86_400 })
    const theirs = await usual((user) => now - (user.iat ?? 0) < 300)
    expect(await status(theirs, '/orders/7', refreshed)).toBe(200)
    const app = await ours({ stepUp: { maxAge: 300 } })
    const fresh = token({ iat: now, auth_time: now })
    expect([await status(app, '/orders/7', refreshed), await status(app, '/orders/7', fresh)]).toEqual([401, 200])
  })

  it('has stolen a token that is bound to a key, and sends it as a bearer token', async () => {
    const bound = token({ cnf: { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' } })
    expect(await status(await usual(() => true), '/orders/7', bound)).toBe(200)
    expect(await status(await ours({}), '/orders/7', bound)).toBe(401)
  })
})

describe('an attacker with guessed API keys', () => {
  it('makes a server ask its database for each of them, where keys are only looked up, and here for none', async () => {
    const asked = { there: 0, here: 0 }
    const theirs = Fastify()
    theirs.addHook('onRequest', async (_request, reply) => {
      asked.there++
      return reply.code(401).send()
    })
    theirs.get('/orders/:id', async () => 'ok')
    const find = () => {
      asked.here++
      return null
    }
    const app = await ours({}, { apiKeys: { find } })
    const { key } = createApiKey({ subject: 'x' })
    for (let guess = 0; guess < 200; guess++) {
      const other = `${key.slice(0, 20)}${guess.toString(36).padStart(4, '0')}${key.slice(24)}`
      for (const one of [theirs, app])
        expect((await get(one, '/orders/7', undefined, { 'x-api-key': other })).statusCode).toBe(401)
    }
    expect(asked).toEqual({ there: 200, here: 0 })
  })

  it('reads a stored hash and has no key: neither it nor the entry is one', async () => {
    const { entry } = createApiKey({ subject: 'x' })
    const app = await ours({}, { apiKeys: { keys: [entry] } })
    for (const stolen of [
      entry.hash,
      entry.id,
      `ptc_${entry.id}_${entry.hash.slice(0, 43)}_000000`,
      JSON.stringify(entry),
    ])
      expect((await get(app, '/orders/7', undefined, { 'x-api-key': stolen })).statusCode).toBe(401)
  })
})
