import type { RouteSecurity } from 'fastify'
import Fastify from 'fastify'
import https, { plaintextAddress, secureDispatcher, tlsServerOptions, type HttpsOptions } from '../src/index.ts'
import { fetch } from 'undici'

const app = Fastify({ https: tlsServerOptions({ keyFile: 'server.key', certFile: 'server.pem' }) })
await app.register(https, { hosts: ['api.example.com'], plaintext: { port: 8080 }, hsts: false })
const port: number | undefined = plaintextAddress(app)?.port

// @ts-expect-error hosts are required
await app.register(https, {})
// @ts-expect-error durations are integers of seconds
export const worded: HttpsOptions = { hosts: ['a'], hsts: { maxAge: '1 year' } }
// @ts-expect-error not an option
export const unknown: HttpsOptions = { hosts: ['a'], redirect: true }
// @ts-expect-error nothing below 1.2
tlsServerOptions({ policy: 'old' })

export const off = { https: false } satisfies RouteSecurity
// @ts-expect-error a route can only switch it off
export const on = { https: { hsts: false } } satisfies RouteSecurity

app.get('/', async ({ security }) => security.clientCertificate?.san[0])
tlsServerOptions({ policy: 'modern', clientCertificates: { caFile: 'ca.pem', allow: ['DNS:billing.internal'] } })
// @ts-expect-error verification has no switch
secureDispatcher({ rejectUnauthorized: false })
export const answer = await fetch('https://api.example.com/', { dispatcher: secureDispatcher() })
export const modes: HttpsOptions = { hosts: ['a'], plaintext: { mode: 'off' } }
// @ts-expect-error not a mode
export const closed: HttpsOptions = { hosts: ['a'], plaintext: { mode: 'closed' } }
export { port }
