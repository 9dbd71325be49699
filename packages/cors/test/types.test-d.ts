import type { FastifyPluginAsync, RouteSecurity } from 'fastify'
import Fastify from 'fastify'
import cors, { defineCors, type CorsOptions, type CorsRoute } from '@portcullis/cors'

cors satisfies FastifyPluginAsync<CorsOptions>

const options: CorsOptions = {
  origins: ['https://app.example.com'],
  credentials: true,
  reportOnly: true,
  enabled: true,
}
const policy = { cors: { origins: ['*'], credentials: false } } satisfies RouteSecurity
const off: RouteSecurity = { cors: false }
export const used: unknown[] = [options, policy, off]

// @ts-expect-error origins are required
export const none: CorsOptions = {}
// @ts-expect-error a list, not a text
export const text: CorsOptions = { origins: '*' }
// @ts-expect-error a list of texts, not of patterns
export const pattern: CorsOptions = { origins: [/example/] }
// @ts-expect-error misspelt
export const misspelt: CorsRoute = { orgins: ['*'] }
// @ts-expect-error `true` is no policy: leave it out
export const on: RouteSecurity = { cors: true }

// Literals, checked by the compiler.
const list: string[] = []
declare const tenant: string
export const right: CorsOptions[] = [
  defineCors({ origins: ['https://app.example.com'], credentials: true, methods: ['GET', 'PROPFIND'] }),
  defineCors({ origins: ['https://*.example.com:8443', 'http://localhost:*', 'https://a.example.com:80'] }),
  defineCors({ origins: ['*'] }),
  defineCors({ origins: list, methods: list }),
  defineCors({ origins: ['https://app.example.com', ...list] }),
  defineCors({ origins: [`https://${tenant}.example.com`] }),
  defineCors({ origins: async (origin) => origin.endsWith('.example') }),
  defineCors({ origins: ['http://localhost', 'http://app.localhost:5173', 'http://[::1]:*'], credentials: true }),
  defineCors({ origins: ['http://127.0.0.1:3000', 'https://*.localhost:8443', ...list], credentials: true }),
  defineCors({ origins: list, credentials: true, requestHeaders: list, exposedHeaders: list }),
  defineCors({ origins: ['http://intranet'], requestHeaders: ['X-Id'], exposedHeaders: ['*'] }),
]
export const onRoute: CorsRoute = defineCors({ methods: ['GET'] })
// @ts-expect-error an origin ends without a slash
defineCors({ origins: ['https://app.example.com/'] })
// @ts-expect-error an origin ends after host and port
defineCors({ origins: ['https://app.example.com', 'https://app.example.com/login'] })
// @ts-expect-error an origin ends after host and port
defineCors({ origins: ['https://app.example.com?a=1'] })
// @ts-expect-error an origin leaves the default port out
defineCors({ origins: ['https://app.example.com:443'] })
// @ts-expect-error an origin leaves the default port out
defineCors({ origins: ['http://localhost:80'] })
// @ts-expect-error an origin is in lower case
defineCors({ origins: ['https://App.example.com'] })
// @ts-expect-error an origin has no user name
defineCors({ origins: ['https://me@app.example.com'] })
// @ts-expect-error an origin begins with https:// or http://
defineCors({ origins: ['app.example.com'] })
// @ts-expect-error an origin needs a host
defineCors({ origins: ['https://'] })
// @ts-expect-error 'null' is what every sandboxed frame sends
defineCors({ origins: ['null'] })
// @ts-expect-error each origin is an entry of its own
defineCors({ origins: ['https://a.example.com,https://b.example.com'] })
// @ts-expect-error a wildcard is the first label of a domain
defineCors({ origins: ['https://*'] })
// @ts-expect-error a wildcard is the first label of a domain
defineCors({ origins: ['https://a.*.example.com'] })
// @ts-expect-error needs listed origins
defineCors({ origins: ['*'], credentials: true })
// @ts-expect-error a wildcard stands before your own domain
defineCors({ origins: ['https://*.com'] })
// @ts-expect-error credentials need https
defineCors({ origins: ['https://app.example.com', 'http://app.example.com'], credentials: true })
// @ts-expect-error credentials need https
defineCors({ origins: ['http://localhost.example.com'], credentials: true })
// @ts-expect-error browsers let no page set this field
defineCors({ origins: list, requestHeaders: ['Content-Type', 'Cookie'] })
// @ts-expect-error browsers let no page set this field
defineCors({ origins: list, requestHeaders: ['Sec-Fetch-Site'] })
// @ts-expect-error name the fields
defineCors({ origins: list, requestHeaders: ['*'] })
// @ts-expect-error browsers let no page read this field
defineCors({ origins: list, exposedHeaders: ['Set-Cookie'] })
// @ts-expect-error with credentials '*' means nothing
defineCors({ origins: list, exposedHeaders: ['*'], credentials: true })
// @ts-expect-error a method is in upper case
defineCors({ origins: list, methods: ['get'] })
// @ts-expect-error browsers never send this method
defineCors({ origins: list, methods: ['TRACE'] })
// @ts-expect-error misspelt
defineCors({ orgins: ['https://app.example.com'] })
// @ts-expect-error seconds are a number
defineCors({ origins: list, maxAge: '60' })
void Fastify().register(cors, defineCors({ origins: ['https://app.example.com'] }))
// @ts-expect-error an origin ends without a slash
void Fastify().register(cors, defineCors({ origins: ['https://app.example.com/'] }))
