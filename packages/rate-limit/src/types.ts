import 'fastify'
import type { RateLimitRoute } from './options.ts'

declare module 'fastify' {
  interface RouteSecurity {
    /** Quotas of this route, instead of those of its scope; `false` for none. */
    rateLimit?: RateLimitRoute | false
  }
}
