import type {} from 'fastify'
import type { ValidationRoute } from './options.ts'
import type { PathFault } from './path.ts'

declare module 'fastify' {
  interface RouteSecurity {
    /** Policy of `@portcullis/validation` for this route, or `false`. */
    validation?: ValidationRoute | false
  }

  interface RequestSecurity {
    /** What is ambiguous in the path: null for nothing; absent where nobody has looked. */
    pathFault?: PathFault | null
  }
}
