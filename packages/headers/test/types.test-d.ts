import Fastify, { type RouteSecurity } from 'fastify'
import headers, { clearSiteData, type HeadersOptions } from '../src/index.ts'

const app = Fastify()
await app.register(headers, { profile: 'web', contentSecurityPolicy: { 'img-src': ["'self'"] }, reportOnly: true })
// @ts-expect-error a profile that does not exist
await app.register(headers, { profile: 'spa' })
// @ts-expect-error directives are lists
void ({ contentSecurityPolicy: { 'img-src': "'self'" } } satisfies HeadersOptions)
// @ts-expect-error a feature that does not exist
void ({ permissionsPolicy: { webcam: [] } } satisfies HeadersOptions)

void ({
  contentSecurityPolicyReportOnly: { 'report-to': ['csp'], 'upgrade-insecure-requests': true },
} satisfies HeadersOptions)
// @ts-expect-error a directive that does not exist
void ({ contentSecurityPolicy: { 'image-src': ["'self'"] } } satisfies HeadersOptions)
// @ts-expect-error the twin is a policy of its own
void ({ contentSecurityPolicyReportOnly: true } satisfies HeadersOptions)

void ({ headers: { cacheControl: 'no-cache' } } satisfies RouteSecurity)
void ({ headers: false } satisfies RouteSecurity)
// @ts-expect-error a route's policy has no such key
void ({ headers: { cache: 'no-cache' } } satisfies RouteSecurity)

app.get('/', { config: { security: { headers: { profile: 'web' } } } }, async (request) => {
  const nonce: string | undefined = request.security.cspNonce
  return nonce
})

app.post('/logout', async (_request, reply) => {
  // @ts-expect-error nothing that browsers know of
  clearSiteData(reply, ['sessions'])
  return clearSiteData(reply, ['cookies']).code(204).send()
})
