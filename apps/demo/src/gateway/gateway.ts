import { fileURLToPath } from 'node:url'
import { documentSecurity } from '@portcullis/auth'
import { sendToken } from '@portcullis/csrf'
import { type Extension, type GatewayServer, startGateway } from '@portcullis/gateway-server'
import Fastify, { type FastifyInstance, type RouteSecurity } from 'fastify'
import type { Redis } from 'ioredis'
import { names, type Ports } from '../addresses.ts'
import type { LeafCertificate } from '../certificates.ts'
import { createOwnTokens, type KeyPair } from '../internal-tokens.ts'
import type { Limits } from '../limits.ts'
import { logging, type LogSettings } from '../logging.ts'
import { openapiDocument } from '../openapi.ts'
import { openApiKeys } from './api-keys.ts'

/** What the gateway is made with, beside its file. */
export interface GatewayParts {
  readonly certificate: LeafCertificate
  /** The CA that vouches for the services, PEM. */
  readonly ca: string
  readonly ports: Ports
  /** The one origin whose pages may read answers, and change anything. */
  readonly appOrigin: string
  /** Makes CSRF tokens; the same in every process. */
  readonly csrfSecret: string
  /** Signs internal tokens. */
  readonly internalKeys: KeyPair
  /** Where the services really listen, as URLs. */
  readonly services: { readonly user: string; readonly payment: string }
  readonly limits: Limits
  readonly redis: Redis | undefined
  readonly log: LogSettings
}

const file = fileURLToPath(new URL('../../gateway.yaml', import.meta.url))

/** The public gateway: `gateway.yaml`, with what no file can say. */
export async function openGateway(parts: GatewayParts): Promise<GatewayServer> {
  const tokens = await createOwnTokens(parts.internalKeys)
  const apiKeys = openApiKeys({ userService: parts.services.user, ca: parts.ca, tokens })
  const close = async (): Promise<void> => {
    await apiKeys.close()
    await tokens.close()
  }
  try {
    const gateway = await startGateway({
      file,
      env: variables(parts),
      logger: Fastify(logging('gateway', parts.log)).log,
      extend: {
        options: optionsOfCode(parts, apiKeys),
        routes: (scope) => ownRoutes(scope, parts),
      },
    })
    return { ...gateway, close: () => gateway.close().finally(close) }
  } catch (error) {
    await close()
    throw error
  }
}

/** What `gateway.yaml` names: addresses, secrets and limits are of each start. */
function variables(parts: GatewayParts): Record<string, string> {
  const { ports, certificate, services, limits } = parts
  return {
    GATEWAY_PORT: String(ports.gateway),
    PLAINTEXT_PORT: String(ports.plaintext),
    OPERATION_PORT: String(ports.operation),
    GATEWAY_KEY: certificate.key,
    GATEWAY_CERTIFICATE: certificate.cert,
    CA: parts.ca,
    APP_ORIGIN: parts.appOrigin,
    CSRF_SECRET: parts.csrfSecret,
    INTERNAL_KEY: parts.internalKeys.privateKey,
    USER_SERVICE: new URL(services.user).host,
    PAYMENT_SERVICE: new URL(services.payment).host,
    PER_ADDRESS: String(limits.perAddress),
    PER_USER: String(limits.perUser),
    PER_LOGIN_ADDRESS: String(limits.perLoginAddress),
    PER_REGISTER_ADDRESS: String(limits.perRegisterAddress),
  }
}

function optionsOfCode(
  { redis, ports }: GatewayParts,
  { find, recordUses }: ReturnType<typeof openApiKeys>,
): NonNullable<Extension['options']> {
  const shared = redis === undefined ? {} : { redis }
  return {
    auth: { apiKeys: { find, recordUses }, revocation: shared },
    rateLimit: { store: shared },
    // Made of the very schemas that the services check with.
    gateway: { openapi: openapiDocument(serverOf(ports)) },
  }
}

const serverOf = ({ gateway }: Ports): string => `https://${names.api}:${gateway}`

/** What the gateway answers itself. */
function ownRoutes(scope: FastifyInstance, { ports, limits }: GatewayParts): void {
  const { transform } = documentSecurity(scope)
  const perAddress = { name: 'per-address', limit: limits.perAddress, window: 60, partitionBy: 'ip' } as const
  const security: RouteSecurity = {
    auth: false,
    rateLimit: { policies: [perAddress] },
    validation: { empty: ['query'] },
  }
  let document: object | undefined
  scope.get('/csrf-token', { config: { security } }, sendToken)
  // The policies are known once the app is ready.
  scope.get('/openapi.json', { config: { security } }, () => (document ??= openapiDocument(serverOf(ports), transform)))
}
