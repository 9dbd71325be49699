import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keyScopes, scopes } from '../src/tokens.ts'
import { refreshCookie } from '../src/user-service/refresh-cookie.ts'
import { anHourAgo, issueToken } from './second-issuer.ts'
import { type Answer, type Ask, type StandingDemo, standDemo } from './standing-demo.ts'

type Requirement = Readonly<Record<string, readonly string[]>>

/** One operation of the document that the demo emits. */
interface Operation {
  readonly method: string
  readonly path: string
  readonly security: readonly Requirement[]
  readonly responses: Readonly<Record<string, unknown>>
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

let demo: StandingDemo
let operations: Operation[]
let paths: string[]
const tokens: Record<'right' | 'expired' | 'wrongAudience' | 'wrongIssuer' | 'wrongScope', string> = {} as never
const keys: Record<'right' | 'wrongScope' | 'bogus', string> = {} as never

beforeAll(async () => {
  demo = await standDemo()
  const { json } = await demo.call('GET', '/openapi.json')
  paths = Object.keys(json.paths)
  operations = Object.entries(json.paths as Record<string, Record<string, Omit<Operation, 'method' | 'path'>>>)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, told]) => ({ ...told, method: method.toUpperCase(), path })),
    )
    // What ends every session of the caller comes last.
    .toSorted((one, other) => Number(one.path === '/logout/everywhere') - Number(other.path === '/logout/everywhere'))
  tokens.right = await issueToken(demo)
  tokens.expired = await issueToken(demo, { clock: anHourAgo })
  tokens.wrongAudience = await issueToken(demo, { audience: 'https://other.example.com' })
  tokens.wrongIssuer = await issueToken(demo, { issuer: 'https://id.example.com' })
  tokens.wrongScope = await issueToken(demo, {}, { scopes: ['something:else'] })
  keys.right = await makeKey([...keyScopes])
  keys.bogus = keys.right.replace(/^demo_.{12}/, 'demo_000000000000')
})
afterAll(() => demo?.close())

async function makeKey(granted: readonly string[]): Promise<string> {
  const { json } = await demo.call('POST', '/api-keys', {
    token: tokens.right,
    json: { name: 'matrix', scopes: granted, days: 1 },
  })
  return json.key as string
}

let asked = 0
/** Asks from an address of its own: the limits are another test's concern. */
function ask({ method, path }: Pick<Operation, 'method' | 'path'>, credentials: Ask): Promise<Answer> {
  asked += 1
  const ids: Record<string, string> = {
    '/sessions/{id}': '00000000-0000-4000-8000-000000000000',
    '/api-keys/{id}': '000000000000',
  }
  const body = method === 'POST' && /login|register|step-up|posts|transfer|api-keys/.test(path) ? { json: {} } : {}
  const target = path.replace('{id}', ids[path] ?? '1')
  return demo.call(method, target, { ...body, ...credentials, from: `127.5.${1 + Math.floor(asked / 100)}.1` })
}

const scopesOf = (security: readonly Requirement[], scheme: string): readonly string[] | undefined =>
  security.find((requirement) => scheme in requirement)?.[scheme]
const codeOf = ({ status, json }: Answer): unknown[] => [status, json?.code]
const challenges = ({ headers }: Answer): string => String(headers['www-authenticate'])
/** Neither of the answers that `auth` refuses with. */
const isAdmitted = ({ status, json }: Answer): boolean => !String(json?.code).startsWith('PTC_AUTH_') && status !== 403

const CREDENTIALS: Readonly<Record<string, () => Ask>> = {
  nobody: () => ({}),
  'an expired token': () => ({ token: tokens.expired }),
  'a token for another audience': () => ({ token: tokens.wrongAudience }),
  'a token of another issuer': () => ({ token: tokens.wrongIssuer }),
  'a token without the scope': () => ({ token: tokens.wrongScope }),
  'a token': () => ({ token: tokens.right }),
  'an API key': () => ({ headers: { 'x-api-key': keys.right } }),
  'an invented API key': () => ({ headers: { 'x-api-key': keys.bogus } }),
  'a token and an API key': () => ({ token: tokens.right, headers: { 'x-api-key': keys.right } }),
}

/** What the document promises to a caller, checked against what happened. @returns what is wrong, or null */
function judge({ security, responses }: Operation, who: string, answer: Answer): unknown {
  const bearer = scopesOf(security, 'bearer')
  const apiKey = scopesOf(security, 'apiKey')
  const wrong = (expected: unknown): unknown => ({ who, expected, answered: [...codeOf(answer), challenges(answer)] })
  const is = (status: number, code: string, challenge: RegExp): unknown =>
    answer.status === status && answer.json?.code === code && challenge.test(challenges(answer))
      ? null
      : wrong([status, code, challenge.source])
  if (!(String(answer.status) in responses)) return wrong(`one of ${Object.keys(responses).join()}`)
  // Open to everybody: whatever a caller brings along changes nothing.
  if (bearer === undefined && apiKey === undefined) return isAdmitted(answer) ? null : wrong('admitted')
  const asks = apiKey === undefined ? /^Bearer [^A]*$/ : /^Bearer .*ApiKey /
  switch (who) {
    case 'nobody':
      return is(401, 'PTC_AUTH_CREDENTIAL_MISSING', asks)
    case 'an expired token':
      return is(401, 'PTC_AUTH_CREDENTIAL_INVALID', /^Bearer .*error="invalid_token"/)
    case 'a token for another audience':
    case 'a token of another issuer':
      return is(401, 'PTC_AUTH_CREDENTIAL_INVALID', /^Bearer .*error="invalid_token"/)
    case 'a token without the scope':
      return is(
        403,
        'PTC_AUTH_SCOPE_INSUFFICIENT',
        new RegExp(`error="insufficient_scope".*scope="${bearer?.join(' ')}"`),
      )
    case 'a token':
      return isAdmitted(answer) ? null : wrong('admitted')
    case 'an API key':
      if (apiKey === undefined) return is(401, 'PTC_AUTH_CREDENTIAL_MISSING', asks)
      return isAdmitted(answer) ? null : wrong('admitted')
    case 'an invented API key':
      return is(401, apiKey === undefined ? 'PTC_AUTH_CREDENTIAL_MISSING' : 'PTC_AUTH_CREDENTIAL_INVALID', asks)
    default:
      // Where a key is not admitted it is not looked at; where both are, nobody guesses.
      if (apiKey !== undefined) return is(400, 'PTC_AUTH_CREDENTIALS_AMBIGUOUS', /invalid_request/)
      return isAdmitted(answer) ? null : wrong('admitted')
  }
}

describe('what the document says of a route is what a caller meets', () => {
  it('names the kinds of credential that there are, and every scope', async () => {
    const { json } = await demo.call('GET', '/openapi.json')
    expect(json.components.securitySchemes).toEqual({
      bearer: { type: 'http', scheme: 'bearer' },
      apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      refreshToken: { type: 'apiKey', in: 'cookie', name: refreshCookie },
    })
    const named = new Set(operations.flatMap(({ security }) => scopesOf(security, 'bearer') ?? []))
    expect([...named].toSorted()).toEqual([...scopes].toSorted())
    const byKey = new Set(operations.flatMap(({ security }) => scopesOf(security, 'apiKey') ?? []))
    expect([...byKey].toSorted()).toEqual([...keyScopes].toSorted())
  })

  it('lists every route, open ones too', () => {
    expect(operations.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual([
      'DELETE /api-keys/{id}',
      'DELETE /sessions/{id}',
      'GET /accounts',
      'GET /api-keys',
      'GET /csrf-token',
      'GET /openapi.json',
      'GET /posts',
      'GET /posts/export',
      'GET /posts/{id}/comments',
      'GET /sessions',
      'GET /users',
      'GET /users/profile',
      'POST /api-keys',
      'POST /login',
      'POST /logout',
      'POST /logout/everywhere',
      'POST /posts',
      'POST /posts/{id}/comments',
      'POST /refresh',
      'POST /register',
      'POST /step-up',
      'POST /transfer',
    ])
    const open = operations.filter(({ security }) => security.length === 0).map(({ path }) => path)
    expect(open.toSorted()).toEqual(['/csrf-token', '/login', '/openapi.json', '/register'])
  })

  it.each(Object.keys(CREDENTIALS))('for %s, on every route', async (who) => {
    const wrong: unknown[] = []
    for (const operation of operations) {
      const answer = await ask(operation, (CREDENTIALS[who] as () => Ask)())
      const found = judge(operation, who, answer)
      if (found !== null) wrong.push([`${operation.method} ${operation.path}`, found])
      // What ended the sessions of the user, and the tokens with them, did what it says.
      if (operation.path === '/logout/everywhere' && answer.status === 204) {
        expect((await ask({ method: 'GET', path: '/accounts' }, { token: tokens.right })).status).toBe(401)
        // What is issued in the same second is refused, too.
        const isTaken = async (): Promise<number> => {
          tokens.right = await issueToken(demo)
          return (await ask({ method: 'GET', path: '/accounts' }, { token: tokens.right })).status
        }
        await expect.poll(isTaken, { timeout: 10_000, interval: 100 }).toBe(200)
      }
    }
    expect(wrong).toEqual([])
  })

  it('and what it does not say is there for nobody: 401 to strangers, 404 to the known', async () => {
    const wrong: unknown[] = []
    const token = await issueToken(demo, {}, { subject: '102' })
    for (const path of paths) {
      for (const method of METHODS) {
        const documented = operations.find((one) => one.path === path && one.method === method)
        const asGet = operations.find((one) => one.path === path && one.method === 'GET')
        const stranger = await ask({ method, path }, {})
        if (documented !== undefined) continue
        if (method === 'HEAD' && asGet !== undefined) {
          // HEAD is admitted where GET is (RFC 9110 §9.3.2).
          if (stranger.status !== (asGet.security.length === 0 ? 200 : 401)) wrong.push([method, path, stranger.status])
          continue
        }
        const known = await ask({ method, path }, { token })
        if (stranger.status !== 401 || known.status !== 404) wrong.push([method, path, stranger.status, known.status])
      }
    }
    expect(wrong).toEqual([])
  })
})
