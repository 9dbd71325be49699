import type { FastifyInstance } from 'fastify'
import { apiKeyStrategy } from './strategy.ts'
import type { ApiKeyOptions } from './options.ts'
import { ApiKeyUses } from './uses.ts'
import { systemClock } from '../clock.ts'
import type { Strategy } from '../identity.ts'
import type { LookUp } from '../remote/look-up.ts'

/** Opens what API keys are checked with. */
export function openApiKeys(
  { header = 'x-api-key', prefix = 'ptc', keys = [], find, cacheFor = 30, pepper, recordUses }: Readonly<ApiKeyOptions>,
  app: FastifyInstance,
  now: () => number,
  lookUp: LookUp,
): Strategy {
  const uses =
    recordUses === undefined
      ? undefined
      : new ApiKeyUses(systemClock(now), recordUses, (error) =>
          app.log.error({ err: error }, 'auth: apiKeys.recordUses failed; these uses are lost'),
        )
  if (uses !== undefined) app.addHook('onClose', () => uses.flush())
  const onUse = uses === undefined ? undefined : (id: string): void => uses.note(id)
  return apiKeyStrategy({ header, prefix, keys, find, pepper, cacheFor, onUse, now, ...lookUp })
}
