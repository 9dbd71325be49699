import { defineErrors, defineEvents, defineRoom, onSecurityEvent, serverOptions } from '@portcullis/kernel'
import Fastify, { type FastifyPluginAsync, type FastifyRequest } from 'fastify'

interface ThrottleOptions {
  /** Requests that may be in progress at once. */
  limit?: number
}

const events = defineEvents({ 'throttle.shed': { severity: 'warning', meaning: 'Too many were in progress.' } })
const errors = defineErrors({
  PTC_THROTTLE_FULL: { status: 503, sentence: 'Try again.', event: events['throttle.shed'], meaning: 'It is full.' },
})
const limit = { type: 'integer', minimum: 1, examples: [100], description: 'Requests that may be in progress at once.' }

const throttle: FastifyPluginAsync<ThrottleOptions> = defineRoom<ThrottleOptions>({
  concern: 'throttle',
  optionsSchema: { type: 'object', additionalProperties: false, properties: { limit: { ...limit, default: 100 } } },
  routeSchema: { type: 'object', additionalProperties: false, properties: { limit } },
  errors,
  events,
  setup: () => ({
    compile(policy) {
      const running = new Set<FastifyRequest>()
      return {
        onRequest(request) {
          if (running.size >= (policy.limit as number)) return errors.PTC_THROTTLE_FULL.with({ retryAfter: 1 })
          running.add(request)
          return undefined
        },
        close: (request) => void running.delete(request),
      }
    },
  }),
})

declare module 'fastify' {
  interface RouteSecurity {
    throttle?: ThrottleOptions | false
  }
}

export const app = Fastify(serverOptions({ logger: import.meta.main }))

onSecurityEvent(app, ({ type, code }) => app.log.warn({ code }, type))
await app.register(throttle, { limit: 1_000 })

app.get('/search', { config: { security: { throttle: { limit: 2 } } } }, async () => {
  await new Promise((resolve) => setTimeout(resolve, 20))
  return { found: [] }
})
app.get('/health', { config: { security: { throttle: false } } }, async () => 'ok')

if (import.meta.main) await app.listen({ port: 3000 })
