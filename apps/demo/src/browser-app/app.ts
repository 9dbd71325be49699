import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import cookie from '@fastify/cookie'
import Fastify, { type FastifyInstance } from 'fastify'
import security, { serverOptions } from '@portcullis/security'
import type {} from '@portcullis/headers'
import type { LeafCertificate } from '../certificates.ts'
import { closeInTime } from '../closing.ts'
import { logging, type LogSettings } from '../logging.ts'
import { violationRoutes, violationsPath } from './violations.ts'
import { beginVisit } from './visit.ts'

/** What the browser app is made with. */
export interface BrowserAppOptions {
  readonly certificate: LeafCertificate
  /** `host:port` under which browsers reach this app. */
  readonly host: string
  /** Origin of the API, which the page asks. */
  readonly api: string
  readonly log: LogSettings
}

const file = (name: string): Promise<string> => readFile(new URL(`page/${name}`, import.meta.url), 'utf8')

/** What browsers compare a file with before they use it (Subresource Integrity §3.2): no cache can change it. */
const integrity = (text: string): string => `sha384-${createHash('sha384').update(text).digest('base64')}`

/** Serves the page: a document with a nonce of its own each time, one script, one style sheet. */
export async function createBrowserApp({ certificate, host, api, log }: BrowserAppOptions): Promise<FastifyInstance> {
  const [html, script, style] = await Promise.all([file('index.html'), file('app.js'), file('style.css')])
  const document = html
    .replace('%api%', api)
    .replace('%script%', () => integrity(script))
    .replace('%style%', () => integrity(style))

  const { key, cert } = certificate
  const app = Fastify({
    ...serverOptions({ trustProxy: false, https: { key, cert } }),
    ...logging('browser-app', log),
  })
  closeInTime(app)
  await app.register(security, {
    https: { hosts: [host] },
    headers: {
      profile: 'web',
      contentSecurityPolicy: {
        'connect-src': [api],
        'style-src': ["'self'"],
        'report-to': ['violations'],
        'report-uri': [violationsPath],
      },
      reportingEndpoints: { violations: violationsPath },
    },
    rateLimit: { policies: [{ name: 'per-address', limit: 300, window: 60, partitionBy: 'ip' }] },
  })

  await app.register(cookie)

  app.get('/', (request, reply) => {
    beginVisit(request, reply)
    // A function: `$&` in a nonce would be a pattern of `replace`.
    const page = document.replace('%nonce%', () => String(request.security.cspNonce))
    return reply.type('text/html; charset=utf-8').send(page)
  })
  violationRoutes(app)
  app.get('/app.js', (_request, reply) => reply.type('text/javascript; charset=utf-8').send(script))
  app.get('/style.css', (_request, reply) => reply.type('text/css; charset=utf-8').send(style))
  app.get('/favicon.ico', (_request, reply) => reply.code(204).send())
  return app
}
