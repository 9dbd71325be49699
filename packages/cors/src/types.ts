import type { CorsRoute } from './options.ts'

declare module 'fastify' {
  interface RouteSecurity {
    /** Which origins may read this route: partial options over the registration's, or `false` for none. */
    cors?: CorsRoute | false
  }
}
