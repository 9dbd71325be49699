import { createHmac, createPublicKey, randomBytes } from 'node:crypto'
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import { describe, expect, it, onTestFinished } from 'vitest'
import { hashPassword, refresh, sessions, signIn, signOut, verifyPassword } from '../src/index.ts'
import { claimsOf, codeOf, given, headerOf, reasonOf, smallest, stage } from './stage.ts'

/** What most apps make of @fastify/jwt: a refresh token that is a longer-lived JWT. */
async function official() {
  const app = Fastify()
  onTestFinished(() => app.close())
  await app.register(fastifyJwt, { secret: 'a secret of at least thirty-two bytes' })
  app.post<{ Body: { token: string } }>('/refresh', async (request) => {
    const { sub } = app.jwt.verify<{ sub: string }>(request.body.token)
    return { access: app.jwt.sign({ sub }, { expiresIn: '5m' }), refresh: app.jwt.sign({ sub }, { expiresIn: '30d' }) }
  })
  await app.ready()
  const refreshWith = (token: string) => app.inject({ method: 'POST', url: '/refresh', payload: { token } })
  return { app, refreshWith, token: app.jwt.sign({ sub: 'user-1' }, { expiresIn: '30d' }) }
}

describe('a stolen refresh token', () => {
  it('used by the thief and then by its owner ends both lines', async () => {
    const theirs = await official()
    for (const _of of ['thief', 'owner', 'thief']) expect((await theirs.refreshWith(theirs.token)).statusCode).toBe(200)

    const { app, clock, types } = await stage()
    const { refreshToken } = given(await signIn(app, { subject: 'user-1' }))
    const thief = given(await refresh(app, refreshToken))
    clock.pass(60)
    expect(reasonOf(await refresh(app, refreshToken))).toBe('reused')
    expect(reasonOf(await refresh(app, thief.refreshToken))).toBe('ended')
    expect(types()).toContain('issuer.reused')
  })

  it('is worth nothing after log-out', async () => {
    const theirs = await official()
    // There is nothing to log out of: the token is good for 30 days.
    expect((await theirs.refreshWith(theirs.token)).statusCode).toBe(200)

    const { app } = await stage()
    const { refreshToken } = given(await signIn(app, { subject: 'user-1' }))
    await signOut(app, { refreshToken })
    expect(reasonOf(await refresh(app, refreshToken))).toBe('ended')
  })

  it('is no access token, and an access token is no refresh token', async () => {
    const theirs = await official()
    const { access } = (await theirs.refreshWith(theirs.token)).json()
    expect((await theirs.refreshWith(access)).statusCode).toBe(200)

    const { app } = await stage()
    const grant = given(await signIn(app, { subject: 'user-1' }))
    const keys = createLocalJWKSet((await app.inject('/.well-known/jwks.json')).json())
    await expect(jwtVerify(grant.refreshToken, keys)).rejects.toThrow('Invalid Compact JWS')
    expect(reasonOf(await refresh(app, grant.accessToken))).toBe('malformed')
  })

  it('from a copy of the database opens nothing: there are only hashes', async () => {
    const { app } = await stage()
    const { refreshToken } = given(await signIn(app, { subject: 'user-1' }))
    const { hashRefreshToken } = await import('../src/sessions/refresh-token.ts')
    expect(reasonOf(await refresh(app, hashRefreshToken(refreshToken)))).toBe('ended')
    given(await refresh(app, refreshToken))
  })
})

it.each([
  undefined,
  null,
  7,
  {},
  [],
  ['a'],
  '',
  'x',
  'a'.repeat(1_000_000),
  `${'a'.repeat(42)}=`,
  `${'a'.repeat(42)}\0`,
  `${'a'.repeat(43)}\n`,
])('whatever is sent as a refresh token is refused before anything is looked up: case %#', async (value) => {
  const { app, types } = await stage()
  expect(reasonOf(await refresh(app, value as string))).toBe('malformed')
  expect(types()).toEqual([])
})

describe('forged access tokens', () => {
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

  it('signed with the published key as an HMAC secret are refused by verifiers of the JWK Set', async () => {
    const { app, clock } = await stage()
    const grant = given(await signIn(app, { subject: 'user-1' }))
    const jwks: JSONWebKeySet = (await app.inject('/.well-known/jwks.json')).json()
    const [jwk] = jwks.keys
    const pem = createPublicKey({ key: jwk as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
    const head = { ...headerOf(grant), alg: 'HS256' }
    const body = `${encode(head)}.${encode({ ...claimsOf(grant), sub: 'admin' })}`
    const forged = `${body}.${createHmac('sha256', pem).update(body).digest('base64url')}`

    // A verifier that lets the token choose the algorithm believes it.
    const naive = (token: string): string | null => {
      const [encoded = '', payload = '', signature] = token.split('.')
      const { alg } = JSON.parse(Buffer.from(encoded, 'base64url').toString()) as { alg: string }
      const made = createHmac('sha256', pem).update(`${encoded}.${payload}`).digest('base64url')
      if (alg !== 'HS256' || made !== signature) return null
      return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string }).sub
    }
    expect(naive(forged)).toBe('admin')

    // Every published key names its algorithm, so no verifier needs to ask the token.
    expect(jwks.keys.map(({ alg, use }) => [alg, use])).toEqual([
      ['ES256', 'sig'],
      ['ES256', 'sig'],
    ])
    const verify = (token: string) =>
      jwtVerify(token, createLocalJWKSet(jwks), { currentDate: new Date(clock.now()), issuer: smallest.issuer })
    for (const token of [forged, `${encode({ ...head, alg: 'none' })}.${body.split('.')[1]}.`])
      await expect(verify(token)).rejects.toThrow()
    expect((await verify(grant.accessToken)).payload.sub).toBe('user-1')
  })

  it('cannot be had from claims that the app passes on', async () => {
    const theirs = await official()
    const profile = JSON.parse('{"name":"x","iss":"other","exp":99999999999}') as object
    expect(theirs.app.jwt.decode(theirs.app.jwt.sign({ sub: 'u', ...profile }, { expiresIn: '5m' }))).toMatchObject({
      iss: 'other',
    })

    const { app } = await stage()
    const own = ['iss', 'aud', 'sub', 'exp', 'iat', 'nbf', 'jti', 'sid', 'scope', 'client_id', 'auth_time']
    for (const name of [...own, 'scp', 'scopes', 'toJSON'])
      await expect(signIn(app, { subject: 'u', claims: { [name]: 'x' } })).rejects.toThrow(TypeError)
    for (const scopes of [['a b'], ['"'], [''], ['ü']])
      await expect(signIn(app, { subject: 'u', scopes })).rejects.toThrow(TypeError)
    for (const subject of ['', 'a'.repeat(256), 'a\0b', 7 as never, undefined as never])
      await expect(signIn(app, { subject })).rejects.toThrow(TypeError)
  })
})

it('a session that an attacker has prepared is not the one that its victim signs in to', async () => {
  const { app } = await stage()
  const planted = given(await signIn(app, { subject: 'attacker' }))
  const victim = given(await signIn(app, { subject: 'victim', replaces: planted.refreshToken }))
  expect(victim.sessionId).not.toBe(planted.sessionId)
  expect(reasonOf(await refresh(app, planted.refreshToken))).toBe('ended')
  expect(given(await sessions(app, 'attacker'))).toEqual([])
  // Whatever is planted: it is looked up as a hash, and becomes nothing.
  const invented = randomBytes(32).toString('base64url')
  given(await signIn(app, { subject: 'victim', replaces: invented }))
  expect(reasonOf(await refresh(app, invented))).toBe('ended')
})

it('somebody else’s session cannot be ended by its identifier', async () => {
  const { app } = await stage()
  const { sessionId, refreshToken } = given(await signIn(app, { subject: 'victim' }))
  expect(await signOut(app, { subject: 'attacker', sessionId })).toMatchObject({ sessions: 0 })
  given(await refresh(app, refreshToken))
})

describe('a hostile password', () => {
  it('of a megabyte costs one ordinary hash, and is told from no other wrong one', async () => {
    const { app } = await stage()
    const { passwordHash } = given(await hashPassword(app, 'correct horse battery'))
    for (const password of ['a'.repeat(1_000_000), '\u0301'.repeat(1_000_000), 'correct horse battery'.padEnd(5000)])
      expect(reasonOf(await verifyPassword(app, password, { passwordHash }))).toBe('password')
    expect(codeOf(await hashPassword(app, 'a'.repeat(1_000_000)))).toBe('PTC_ISSUER_PASSWORD_REFUSED')
  })

  it('is not cut off at a NUL or after 72 bytes, as with bcrypt', async () => {
    const { app } = await stage()
    const long = `${'long passphrase '.repeat(6)}`
    for (const [right, wrong] of [
      ['correct horse\0battery', 'correct horse\0other'],
      ['correct horse battery\0', 'correct horse battery'],
      [`${long}1`, `${long}2`],
    ] as const) {
      const { passwordHash } = given(await hashPassword(app, right))
      given(await verifyPassword(app, right, { passwordHash }))
      expect(reasonOf(await verifyPassword(app, wrong, { passwordHash }))).toBe('password')
    }
  })

  it('of half surrogates, which all become U+FFFD, is no password', async () => {
    const [one, other] = ['correct horse \uD800 battery', 'correct horse \uDFFF battery']
    expect(Buffer.from(one).equals(Buffer.from(other))).toBe(true)
    const { app } = await stage()
    const replaced = given(await hashPassword(app, 'correct horse \uFFFD battery'))
    for (const password of [one, other]) {
      expect(codeOf(await hashPassword(app, password))).toBe('PTC_ISSUER_PASSWORD_REFUSED')
      expect(reasonOf(await verifyPassword(app, password, replaced))).toBe('password')
    }
  })

  it.each(['m=4294967295,t=1,p=1', 'm=8,t=4294967295,p=1', 'm=2040,t=1,p=255'])(
    'beside a planted hash that says %s takes neither the memory nor the time that the hash asks for',
    async (cost) => {
      // The official library believes what the hash says of itself: it takes 4 TiB, and the process ends with it.
      const { app } = await stage()
      const { passwordHash } = given(await hashPassword(app, 'correct horse battery'))
      const planted = passwordHash.replace('m=8,t=1,p=1', cost)
      expect(planted).not.toBe(passwordHash)
      expect(reasonOf(await verifyPassword(app, 'correct horse battery', { passwordHash: planted }))).toBe('password')
    },
  )

  it.each([1, 't', new Date(0)])(
    'of an account that its database calls locked in its own way is refused: %s',
    async (locked) => {
      const { app } = await stage()
      const account = given(await hashPassword(app, 'correct horse battery'))
      expect(
        reasonOf(await verifyPassword(app, 'correct horse battery', { ...account, locked: locked as never })),
      ).toBe('locked')
    },
  )

  it.each([undefined, null, 7, {}, ['correct horse battery'], { toString: () => 'correct horse battery' }])(
    'that is no text is a wrong one: %s',
    async (password) => {
      const { app } = await stage()
      const account = given(await hashPassword(app, 'correct horse battery'))
      expect(reasonOf(await verifyPassword(app, password as string, account))).toBe('password')
    },
  )
})

it('a flood of sign-ins is turned away with 503, and what waits stays bounded', async () => {
  const { app } = await stage({ password: { concurrency: 1, queue: 8, memoryKiB: 64 } })
  const flood = await Promise.all(Array.from({ length: 200 }, () => verifyPassword(app, 'guess', null)))
  const codes = flood.map(codeOf)
  expect(codes.filter((code) => code === 'PTC_ISSUER_SIGN_IN_REFUSED')).toHaveLength(9)
  expect(codes.filter((code) => code === 'PTC_ISSUER_BUSY')).toHaveLength(191)
  const busy = flood.find((answer) => codeOf(answer) === 'PTC_ISSUER_BUSY')
  expect((busy as { refusal: { problem: object } }).refusal.problem).toMatchObject({ status: 503, retryAfter: 1 })
  // The next one is served again.
  expect(codeOf(await verifyPassword(app, 'guess', null))).toBe('PTC_ISSUER_SIGN_IN_REFUSED')
})
