import 'fastify'
import type { AuditRoute } from './options.ts'
import type { Arrival } from './record.ts'

declare module 'fastify' {
  interface RouteSecurity {
    /** What is remembered of this route: partial options over the registration's, or `false` for nothing at all. */
    audit?: AuditRoute | false
  }

  interface RequestSecurity {
    /** When and from where the request came, as the audit room saw it first. */
    arrival?: Arrival
  }
}
