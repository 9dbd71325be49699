import type {} from 'fastify'

declare module 'fastify' {
  interface RequestSecurity {
    /** Where the request was sent last, by the names in the gateway's options; absent: nowhere. */
    forwardedTo?: { readonly upstream: string; readonly target: string }
  }
}
