import type { FastifyPluginAsync, RouteSecurity } from 'fastify'
import cors, { type CorsOptions, type CorsRoute } from '@portcullis/cors'

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
