import type { FastifyInstance } from 'fastify'
import { expect, it } from 'vitest'
import {
  hashPassword,
  memoryStore,
  refresh,
  rotateKeys,
  sessions,
  signIn,
  signOut,
  signOutEverywhere,
  stepUp,
  verifyPassword,
} from '../src/index.ts'
import { claimsOf, codeOf, given, reasonOf, stage } from './stage.ts'

it.each([null, undefined])('an account that a look-up answers with %s is gone', async (nothing) => {
  const { app } = await stage({ account: async () => nothing })
  expect(reasonOf(await verifyPassword(app, 'guess', nothing))).toBe('unknown')
  const password = 'correct horse battery'
  const account = given(await hashPassword(app, password))
  const grant = given(await signIn(app, { subject: 'u', scopes: ['admin'] }))
  expect(reasonOf(await stepUp(app, { subject: 'u', sessionId: grant.sessionId, password, account }))).toBe('account')
  expect(reasonOf(await refresh(app, grant.refreshToken))).toBe('account')
  expect(given(await sessions(app, 'u'))).toEqual([])
})

it('an account without a password is told from no other', async () => {
  const { app } = await stage()
  expect(codeOf(await verifyPassword(app, 'guess', { passwordHash: null as never }))).toBe('PTC_ISSUER_SIGN_IN_REFUSED')
})

it('a step-up has the scopes of today', async () => {
  const { app } = await stage({ account: async () => ({ scopes: ['today'], claims: { role: 'b' } }) })
  const password = 'correct horse battery'
  const account = given(await hashPassword(app, password))
  const { sessionId } = given(await signIn(app, { subject: 'u', scopes: ['yesterday'] }))
  const up = given(await stepUp(app, { subject: 'u', sessionId, password, account }))
  expect(claimsOf(up)).toMatchObject({ scope: 'today', role: 'b' })
})

it('an account look-up that throws, or gives a claim of the issuer’s own, is answered 503 and ends nothing', async () => {
  let answer: () => Promise<never> = () => Promise.reject(new Error('database away'))
  const { app } = await stage({ account: () => answer() })
  const { refreshToken } = given(await signIn(app, { subject: 'u' }))
  expect(codeOf(await refresh(app, refreshToken))).toBe('PTC_ISSUER_UNAVAILABLE')
  answer = async () => ({ claims: { iss: 'other' } }) as never
  expect(codeOf(await refresh(app, refreshToken))).toBe('PTC_ISSUER_UNAVAILABLE')
  const [session] = given(await sessions(app, 'u'))
  const password = 'correct horse battery'
  const account = given(await hashPassword(app, password))
  answer = async () => ({ claims: { scope: 'admin' } }) as never
  const again = await stepUp(app, { subject: 'u', sessionId: session!.sessionId, password, account })
  expect(codeOf(again)).toBe('PTC_ISSUER_UNAVAILABLE')
  expect(given(await sessions(app, 'u'))).toHaveLength(1)
})

it.each<[says: string, act: (app: FastifyInstance) => Promise<unknown>]>([
  ['signIn does not know `scope`', (app) => signIn(app, { subject: 'u', scope: ['a'] } as never)],
  ['scopes are a list', (app) => signIn(app, { subject: 'u', scopes: 'a b' as never })],
  ['are a list', (app) => hashPassword(app, 'correct horse battery', 'alice' as never)],
  ['serialize a BigInt', (app) => signIn(app, { subject: 'u', claims: { balance: 1n } })],
  ['stepUp does not know `acount`', (app) => stepUp(app, { subject: 'u', acount: null } as never)],
  ['signOut does not know `session`', (app) => signOut(app, { subject: 'u', session: 's' } as never)],
  ['signOut needs `refreshToken`, or', (app) => signOut(app, { subject: 'u' } as never)],
  ['signOutEverywhere does not know `but`', (app) => signOutEverywhere(app, { subject: 'u', but: 's' } as never)],
  ['signOutEverywhere needs `subject`', (app) => signOutEverywhere(app, {} as never)],
  ['rotateKeys does not know `comprimised`', (app) => rotateKeys(app, { comprimised: true } as never)],
])('what nobody reads, or what is missing, is refused: %s', async (says, act) => {
  const { app } = await stage()
  const grant = given(await signIn(app, { subject: 'u' }))
  await expect(act(app)).rejects.toThrow(says)
  await expect(act(app)).rejects.toBeInstanceOf(TypeError)
  expect(given(await sessions(app, 'u')).map(({ sessionId }) => sessionId)).toEqual([grant.sessionId])
})

it('a refresh token that nobody has asks the store one thing, and nobody’s account', async () => {
  const store = memoryStore()
  const asked: string[] = []
  const { app } = await stage({
    account: async () => expect.unreachable(),
    store: {
      ...store,
      sessions: new Proxy(store.sessions, {
        get(from, name) {
          asked.push(String(name))
          return Reflect.get(from, name).bind(from)
        },
      }),
    },
  })
  expect(reasonOf(await refresh(app, 'a'.repeat(43)))).toBe('ended')
  expect(asked).toEqual(['find'])
})

it('an account look-up with a misspelt answer is answered 503: the scopes of yesterday do not stay', async () => {
  const { app } = await stage({ account: async () => ({ scope: [] }) as never })
  const { refreshToken } = given(await signIn(app, { subject: 'u', scopes: ['admin'] }))
  expect(codeOf(await refresh(app, refreshToken))).toBe('PTC_ISSUER_UNAVAILABLE')
})

it('log-out everywhere revokes the subject, with or without a live session', async () => {
  const revoked: unknown[] = []
  const { app, clock } = await stage({
    revoke: { token: async (one) => void revoked.push(one), subject: async (one) => void revoked.push(one) },
  })
  const grant = given(await signIn(app, { subject: 'u' }))
  const { refreshToken } = grant
  expect(await signOutEverywhere(app, { subject: 'u' })).toEqual({ sessions: 1, revoked: true })
  expect(await signOutEverywhere(app, { subject: 'u' })).toEqual({ sessions: 0, revoked: true })
  const whole = { issuer: 'https://id.example.com', subject: 'u', before: clock.seconds() }
  const one = { issuer: 'https://id.example.com', tokenId: claimsOf(grant)['jti'], expires: clock.seconds() + 300 }
  expect(revoked).toEqual([whole, one, whole])
  // Who signs in at once, as after a lost password, gets a token that was issued in the second that is not over.
  const next = claimsOf(given(await signIn(app, { subject: 'u' })))
  expect(next['iat']).toBeGreaterThanOrEqual(whole.before)
  expect(codeOf(await refresh(app, refreshToken))).toBe('PTC_ISSUER_SESSION_ENDED')
})

it('log-out everywhere but here revokes the tokens of the others alone', async () => {
  const revoked: { tokenId?: string }[] = []
  const { app } = await stage({
    revoke: { token: async (one) => void revoked.push(one), subject: async () => expect.unreachable() },
  })
  const [mine, other] = [given(await signIn(app, { subject: 'u' })), given(await signIn(app, { subject: 'u' }))]
  await signOutEverywhere(app, { subject: 'u', except: mine.sessionId })
  expect(revoked.map(({ tokenId }) => tokenId)).toEqual([claimsOf(other)['jti']])
})

it('reuse revokes the thief’s access token, too, and a step-up’s', async () => {
  const revoked: { tokenId: string }[] = []
  const { app, clock } = await stage({ revoke: { token: async (one) => void revoked.push(one) } })
  const password = 'correct horse battery'
  const account = given(await hashPassword(app, password))
  const first = given(await signIn(app, { subject: 'u' }))
  clock.pass(100)
  const thief = given(await refresh(app, first.refreshToken))
  const up = given(await stepUp(app, { subject: 'u', sessionId: first.sessionId, password, account }))
  clock.pass(60)
  expect(reasonOf(await refresh(app, first.refreshToken))).toBe('reused')
  expect(new Set(revoked.map(({ tokenId }) => tokenId))).toEqual(
    new Set([first, thief, up].map((grant) => claimsOf(grant)['jti'])),
  )
})

it('a session’s identifier of another form is nobody’s, and asks no store', async () => {
  const store = memoryStore()
  const sessionsOf = store.sessions
  const { app } = await stage({
    store: {
      ...store,
      sessions: new Proxy(sessionsOf, {
        get: (from, name) =>
          name === 'end' || name === 'note' ? () => expect.unreachable() : Reflect.get(from, name).bind(from),
      }),
    },
  })
  const password = 'correct horse battery'
  const account = given(await hashPassword(app, password))
  for (const sessionId of ['', 'undefined', '\0', 'a'.repeat(1_000_000), 7 as never]) {
    expect(await signOut(app, { subject: 'u', sessionId })).toMatchObject({ sessions: 0 })
    expect(reasonOf(await stepUp(app, { subject: 'u', sessionId, password, account }))).toBe('ended')
  }
})
