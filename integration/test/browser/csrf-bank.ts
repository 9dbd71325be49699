/// <reference lib="dom" />
import cookies from '@fastify/cookie'
import official from '@fastify/csrf-protection'
import formbody from '@fastify/formbody'
import multipart from '@fastify/multipart'
import websocket from '@fastify/websocket'
import cors from '@portcullis/cors'
import csrf, { sendToken, type CsrfOptions } from '@portcullis/csrf'
import { tlsServerOptions } from '@portcullis/https'
import { onSecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { randomBytes } from 'node:crypto'
import type { Site } from './sites.ts'

/** Pages that may use the bank: on another site than the bank's, and beside it. */
export const PARTNER = 'https://app.shop.test'
export const BESIDE = 'https://app.bank.test'
export const SIBLING = 'https://evil.bank.test'
export const FOREIGN = 'https://evil.test'
export const OURS = 'https://ours.bank.test'
export const BARE = 'https://bare.bank.test'
export const THEIRS = 'https://theirs.bank.test'

/** What was done, as the origin of the bank and the deed. */
export const done: string[] = []
/** What our room refused, by its reason. */
export const refused: string[] = []
/** Our bank, for clients that are no browsers. */
export const running: { ours: FastifyInstance | undefined } = { ours: undefined }

/** A bank that asks for nothing but the session. */
async function bank(
  app: FastifyInstance,
  at: string,
  guard: (app: FastifyInstance) => unknown,
): Promise<FastifyInstance> {
  await app.register(formbody)
  await app.register(multipart, { attachFieldsToBody: 'keyValues' })
  await app.register(websocket)
  const parse = (_request: unknown, body: unknown, next: (error: Error | null, value?: unknown) => void): void => {
    try {
      next(null, JSON.parse(body as string))
    } catch {
      next(null, { text: body })
    }
  }
  app.addContentTypeParser('text/plain', { parseAs: 'string' }, parse)
  // What comes without a type: a Blob, an ArrayBuffer.
  app.addContentTypeParser('*', { parseAs: 'string' }, parse)
  await guard(app)
  const did = (deed: string): void => void done.push(`${at} ${deed}`)

  const isVictim = (cookie: string | undefined): boolean => /(?:^|; )(?:__Host-|none-)session=victim/.test(cookie ?? '')
  app.get('/', ({ query }, reply) => {
    // Under this policy a browser hides the page's origin from the bank itself.
    const hidden = 'hidden' in (query as object) ? '<meta name="referrer" content="no-referrer">' : ''
    reply.type('text/html').send(
      `<!doctype html><title>The bank</title>${hidden}<form method="post" action="/transfer">
          <input name="amount" value="20"><input name="toAccount" value="7"><button>Pay</button></form>`,
    )
  })
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    app.route({
      method,
      url: '/transfer',
      handler: async ({ headers, body }, reply) => {
        if (!isVictim(headers.cookie)) return reply.code(401).send({ error: 'Sign in.' })
        const { amount, toAccount } = (body ?? {}) as { amount?: string; toAccount?: string }
        did(`moved ${amount ?? '?'} to ${toAccount ?? '?'} by ${method}`)
        return { status: 'COMPLETED' }
      },
    })
  }
  app.post('/login', (request, reply) => {
    const { user } = (request.body ?? {}) as { user?: string }
    did(`signed in as ${user ?? '?'}`)
    reply.header('set-cookie', `__Host-session=${user}; Path=/; Secure; HttpOnly; SameSite=Strict`).send({})
  })
  app.post('/logout', async () => did('signed out'))
  // It lets forms name a method that they cannot send.
  app.get('/account', async ({ headers, query }) => {
    const method = (query as { _method?: string })._method ?? headers['x-http-method-override']
    if (method === 'DELETE' && isVictim(headers.cookie)) did('closed the account')
    return 'The account'
  })
  app.get('/feed', { websocket: true }, (socket, { headers }) => {
    if (isVictim(headers.cookie)) did('read the feed')
    socket.send('The feed')
  })
  return app
}

const made = (pair: { key: string; cert: string }): FastifyInstance =>
  Fastify({ https: tlsServerOptions(pair) }) as unknown as FastifyInstance

const options: CsrfOptions = { origins: [OURS, PARTNER, BESIDE], secrets: [randomBytes(32)], session: '__Host-session' }

/** The bank behind our room, behind nothing, and behind the default of @fastify/csrf-protection. */
export const banks: readonly Site[] = [
  {
    hosts: ['ours.bank.test'],
    app: (pair) =>
      bank(made(pair), OURS, async (app) => {
        // Only the answers that pages of the partner read are CORS's.
        await app.register(cors, {
          origins: [PARTNER, BESIDE],
          credentials: true,
          requestHeaders: ['Content-Type', 'X-Csrf-Token'],
        })
        await app.register(csrf, options)
        app.get('/csrf-token', sendToken)
        onSecurityEvent(app, ({ type, detail }) => {
          if (type === 'csrf.rejected') refused.push(String(detail['reason']))
        })
        running.ours = app
      }),
  },
  { hosts: ['bare.bank.test'], app: (pair) => bank(made(pair), BARE, () => undefined) },
  {
    hosts: ['theirs.bank.test'],
    app: (pair) =>
      bank(made(pair), THEIRS, async (app) => {
        await app.register(cookies)
        await app.register(official)
        app.addHook('preHandler', (request, reply, next) => {
          if (request.method === 'GET') next()
          else app.csrfProtection(request, reply, next)
        })
      }),
  },
]

/** Pages of attackers, and redirects that keep the method and the body. */
export const attackers: Site = {
  hosts: ['evil.test', 'evil.bank.test', 'app.shop.test', 'app.bank.test'],
  app(pair) {
    const app = made(pair)
    app.addContentTypeParser('*', (_request, _payload, next) => next(null))
    app.get('/', (_request, reply) => reply.type('text/html').send('<!doctype html><title>A page</title>'))
    app.post('/on', (request, reply) => reply.redirect((request.query as { to: string }).to, 307))
    return app
  },
}
