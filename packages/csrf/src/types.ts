import type {} from 'fastify'
import type { CsrfRoute } from './options.ts'

declare module 'fastify' {
  interface RouteSecurity {
    /** Whose pages may change state by this route: partial options over the registration's, or `false` for anybody's. */
    csrf?: CsrfRoute | false
  }
}
