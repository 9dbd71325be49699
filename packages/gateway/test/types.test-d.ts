import type { FastifyPluginAsync } from 'fastify'
import gateway, { type GatewayOptions, type GatewayRoute, type UpstreamOptions } from '../src/index.ts'

gateway satisfies FastifyPluginAsync<GatewayOptions>

const route = { match: { method: ['GET'], path: '/a' }, upstream: 'a' } satisfies GatewayRoute
const internalToken = { issuer: 'gateway', key: 'pem' }

const smallest = {
  upstreams: { a: { targets: ['https://a'] } },
  routes: [route],
  internalToken,
} satisfies GatewayOptions
void ({ ...smallest, reportOnly: true, enabled: false } satisfies GatewayOptions)

// @ts-expect-error a gateway without tokens
void ({ upstreams: {}, routes: [] } satisfies GatewayOptions)
// @ts-expect-error verification has no switch
void ({ targets: ['https://a'], rejectUnauthorized: false } satisfies UpstreamOptions)
// @ts-expect-error a shared secret would let every service speak for the gateway
void ({ ...smallest, internalToken: { ...internalToken, algorithm: 'HS256' } } satisfies GatewayOptions)
// @ts-expect-error OPTIONS is the business of CORS
void ({ ...route, match: { method: 'OPTIONS', path: '/a' } } satisfies GatewayRoute)

void ({
  ...route,
  schema: { body: { type: 'object' }, querystring: true, response: { '2xx': {} } },
} satisfies GatewayRoute)
void ({ ...route, schema: false } satisfies GatewayRoute)
void ({ ...smallest, openapi: { openapi: '3.1.1', paths: {} }, validateResponses: 'report' } satisfies GatewayOptions)
// @ts-expect-error no schemas are named
void ({ ...route, schema: true } satisfies GatewayRoute)
// @ts-expect-error a part that no schema is asked about
void ({ ...route, schema: { cookies: {} } } satisfies GatewayRoute)
// @ts-expect-error answers are told of, or refused
void ({ ...smallest, validateResponses: true } satisfies GatewayOptions)
