import 'fastify'
import type { LoginAttempt } from './login/login-attempt.ts'
import type { RateLimitRoute } from './options.ts'

declare module 'fastify' {
  interface RequestSecurity {
    /** This attempt to sign in, on routes with a `loginGuard`: for handlers whose status does not tell what became of it. */
    login?: Pick<LoginAttempt, 'succeeded' | 'failed'>
  }

  interface RouteSecurity {
    /** Quotas of this route, instead of those of its scope; `false` for none. */
    rateLimit?: RateLimitRoute | false
  }
}
