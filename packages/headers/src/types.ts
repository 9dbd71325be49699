import 'fastify'
import type { HeadersRoute } from './options.ts'

declare module 'fastify' {
  interface RouteSecurity {
    /** Security fields of this route's answers: partial options over the registration's, or `false` for none. */
    headers?: HeadersRoute | false
  }

  interface RequestSecurity {
    /**
     * This answer's CSP nonce: 128 random bits in base64, new for every request. Present where the policy
     * lists `'nonce'` (the `web` profile does): write it into `<script nonce>` and `<style nonce>`.
     */
    cspNonce?: string
  }
}
