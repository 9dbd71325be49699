import type { FastifyPluginAsync } from 'fastify'
import gateway, { type GatewayOptions, type GatewayRoute, type ServiceOptions } from '../src/index.ts'

gateway satisfies FastifyPluginAsync<GatewayOptions>

const route = { methods: ['GET'], path: '/a', service: 'a' } satisfies GatewayRoute
const internalToken = { issuer: 'gateway', key: 'pem' }

const smallest = { services: { a: { origin: 'https://a' } }, routes: [route], internalToken } satisfies GatewayOptions
void ({ ...smallest, reportOnly: true, enabled: false } satisfies GatewayOptions)

// @ts-expect-error a gateway without tokens
void ({ services: {}, routes: [] } satisfies GatewayOptions)
// @ts-expect-error verification has no switch
void ({ origin: 'https://a', rejectUnauthorized: false } satisfies ServiceOptions)
// @ts-expect-error a shared secret would let every service speak for the gateway
void ({ ...smallest, internalToken: { ...internalToken, algorithm: 'HS256' } } satisfies GatewayOptions)
// @ts-expect-error OPTIONS is the business of CORS
void ({ ...route, methods: ['OPTIONS'] } satisfies GatewayRoute)
