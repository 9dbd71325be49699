import 'fastify'
import type { ClientCertificate } from './client-certificates.ts'

declare module 'fastify' {
  interface RequestSecurity {
    /** The client's verified certificate; null without one, absent where the TLS options ask for none. */
    clientCertificate?: ClientCertificate | null
  }
  interface RouteSecurity {
    /** `false` lets this route answer over plaintext too, without HSTS (a load balancer's health check). */
    https?: false
  }
}
