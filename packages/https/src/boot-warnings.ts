import type { FastifyInstance } from 'fastify'
import type { HttpsOptions } from './options.ts'
import { trustsEverybody } from './over-tls.ts'

/** Tells once, at boot, what is allowed and unsafe. */
export function warnOfHabits(app: FastifyInstance, { plaintext }: Readonly<HttpsOptions>): void {
  if (plaintext?.dangerouslyRedirectAll === true)
    app.log.warn('dangerouslyRedirectAll is on: credentials that were sent in the clear are redirected')
  if (trustsEverybody(app))
    app.log.warn('trustProxy: true believes any client that its plaintext was TLS: name your proxies')
}
