import 'fastify'
import type { ThrottleRoute } from './options.ts'

declare module 'fastify' {
  interface RouteSecurity {
    /** What this route changes of its scope's policy; `false`: nothing here waits or is shed. */
    throttle?: ThrottleRoute | false
  }
}
