import { randomBytes } from 'node:crypto'
import cookies from '@fastify/cookie'
import official from '@fastify/csrf-protection'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { measure } from '../../../bench/measure.ts'
import { csrfToken } from '../src/index.ts'
import { openTokens } from '../src/issue.ts'
import type { CsrfOptions } from '../src/options.ts'
import { stepsWith } from '../src/steps.ts'

const origin = 'https://app.example.com'
const options: CsrfOptions = {
  origins: [origin],
  token: 'fallback',
  ambient: ['cookie', 'basic', 'client-certificate'],
  secrets: [randomBytes(32)],
  session: '__Host-session',
  cookie: { name: '__Host-csrf', sameSite: 'Strict' },
}
const server = {} as FastifyInstance
const steps = stepsWith(openTokens(server, options))(options)
const cookie = `__Host-session=${randomBytes(32).toString('base64url')}; theme=dark`
const reply = { header: () => reply, getHeader: () => undefined } as unknown as FastifyReply

/** As little of a request as the steps read: a new one each time, as a server makes it. */
class Asking {
  readonly method: string
  readonly headers: object
  readonly body: object | undefined
  readonly query = {}
  readonly raw = { socket: {} }
  readonly security = {}
  readonly server = server

  constructor(method: string, headers: object, body?: object) {
    this.method = method
    this.headers = headers
    this.body = body
  }
}
const asking = (method: string, headers: object, body?: object): FastifyRequest =>
  new Asking(method, headers, body) as unknown as FastifyRequest

/** Everything that the room does for one request. */
function pass(method: string, headers: object, body?: object): () => boolean {
  return () => {
    const request = asking(method, headers, body)
    if (steps.onRequest(request, reply) !== undefined) return false
    if (steps.preValidation(request, reply) !== undefined || steps.preHandler(request, reply) !== undefined)
      return false
    steps.close(request, reply, false)
    return true
  }
}

const json = { 'content-type': 'application/json', 'content-length': '40' }
await measure('one request, all steps', {
  'the request object alone': () => asking('POST', json),
  'GET with a cookie': pass('GET', { cookie }),
  'POST with a bearer token': pass('POST', { ...json, authorization: 'Bearer abc' }, {}),
  'POST of our own page': pass('POST', { ...json, cookie, origin, 'sec-fetch-site': 'same-origin' }, {}),
  'POST of a foreign page, refused': pass('POST', { ...json, cookie, origin: 'https://evil.example' }, {}),
})

const token = csrfToken(asking('GET', { cookie }), reply)
const theirs = Fastify()
await theirs.register(cookies)
await theirs.register(official)
let made = ''
const secret = randomBytes(18).toString('base64url')
theirs.get('/', async (_request, answer) => (made = answer.generateCsrf()))
await theirs.inject({ url: '/', headers: { cookie: `_csrf=${secret}` } })
const shown = { cookies: { _csrf: secret }, headers: { 'x-csrf-token': made }, log: { warn: console.warn } }
const verified = (): boolean => {
  let passed = false
  theirs.csrfProtection(shown as never, {} as never, () => (passed = true))
  return passed
}
if (!verified()) throw new Error('@fastify/csrf-protection refused its own token')
await measure('a token', {
  '@fastify/csrf-protection verifies': verified,
  verify: pass('POST', { ...json, cookie, 'x-csrf-token': token }, {}),
  make: () => csrfToken(asking('GET', { cookie }), reply),
})
