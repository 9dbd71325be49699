import type { ApiKeyEntry } from '@portcullis/auth'
import { type GatewayServer, startGateway, type StartOptions } from '@portcullis/gateway-server'

/** Where your API keys are kept. */
export const keys = new Map<string, ApiKeyEntry>()

export function start(options: StartOptions): Promise<GatewayServer> {
  return startGateway({
    ...options,
    extend: {
      options: { auth: { apiKeys: { find: (id) => keys.get(id) ?? null, cacheFor: 5 } } },
      routes(scope) {
        const security = { auth: { roles: ['operator'] } }
        scope.get('/status', { config: { security } }, async () => ({ open: true }))
      },
    },
  })
}

if (import.meta.main) await start({ file: 'gateway.yaml' })
