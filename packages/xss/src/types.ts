import type {} from 'fastify'
import type { XssRoute } from './options.ts'

declare module 'fastify' {
  interface RouteSecurity {
    /** Which documents this route answers with, or `false`: its answers are not guarded. */
    xss?: XssRoute | false
  }
}
