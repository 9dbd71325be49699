import type { RouteSecurity } from 'fastify'
import Fastify from 'fastify'
import https, { plaintextAddress, tlsServerOptions, type HttpsOptions } from '../src/index.ts'

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
export { port }
