import 'fastify'

declare module 'fastify' {
  interface RouteSecurity {
    /** `false` lets this route answer over plaintext too, without HSTS (a load balancer's health check). */
    https?: false
  }
}
