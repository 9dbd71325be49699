import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import cookie from '@fastify/cookie'
import Fastify, { type FastifyInstance, type RouteSecurity } from 'fastify'
import security, { serverOptions } from '@portcullis/security'
import type {} from '@portcullis/headers'
import type { LeafCertificate } from '../certificates.ts'
import { closeInTime } from '../closing.ts'
import { logging, type LogSettings } from '../logging.ts'
import { page } from './page.ts'
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
const integrity = (text: string): string => `sha384-${createHash('sha384').update(text).digest('base64')}`

const open: RouteSecurity = { validation: { empty: ['query'] } }
const text = { response: { 200: { type: 'string' } } }

/** Serves the page: a document with a nonce of its own each time, one script, one style sheet. */
export async function createBrowserApp({ certificate, host, api, log }: BrowserAppOptions): Promise<FastifyInstance> {
  const [script, style] = await Promise.all([file('app.js'), file('style.css')])
  const files = { script: integrity(script), style: integrity(style) }

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
      // What the API has sanitised is all that the page's script may write as markup, in one place.
      trustedTypes: ['rich-text'],
      contentSecurityPolicy: {
        'connect-src': [api],
        'style-src': ["'self'"],
        'report-to': ['violations'],
        'report-uri': [violationsPath],
      },
      reportingEndpoints: { violations: violationsPath },
    },
    validation: { strict: true, looseSchemas: 'refuse', requireResponse: true },
    // Reports come with the visit's cookie: from our page alone.
    csrf: { origins: [`https://${host}`], jsonOnly: true },
    xss: {},
    rateLimit: { policies: [{ name: 'per-address', limit: 300, window: 60, partitionBy: 'ip' }] },
  })

  await app.register(cookie)

  app.get('/', { config: { security: { ...open, xss: { html: true } } }, schema: text }, (request, reply) => {
    beginVisit(request, reply)
    const nonce = String(request.security.cspNonce)
    return reply.type('text/html; charset=utf-8').send(page({ api, nonce, ...files }))
  })
  violationRoutes(app)
  app.get(
    '/app.js',
    { config: { security: { ...open, xss: { javascript: true } } }, schema: text },
    (_request, reply) => reply.type('text/javascript; charset=utf-8').send(script),
  )
  app.get('/style.css', { config: { security: open }, schema: text }, (_request, reply) =>
    reply.type('text/css; charset=utf-8').send(style),
  )
  app.get(
    '/favicon.ico',
    { config: { security: open }, schema: { response: { 204: { type: 'null' } } } },
    (_request, reply) => reply.code(204).send(),
  )
  return app
}
