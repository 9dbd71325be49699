import { defineRoom, emit } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'
import { openEngine } from './engine.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { Limiters } from './limiter.ts'
import { optionsSchema, routeSchema, type RateLimitOptions, type RateLimitRoute } from './options.ts'
import { findings, parsePolicy, sameQuota, type Quota } from './policy.ts'
import { RedisStore } from './redis-store.ts'

/** Whole milliseconds that never go back: a clock that is set must neither free nor lock out anybody. */
const clock = (): number => Math.floor(performance.now())

/** Bounds how often a caller may ask. */
const plugin: FastifyPluginAsync<RateLimitOptions> = defineRoom<RateLimitOptions, RateLimitRoute>({
  concern: 'rate-limit',
  optionsSchema,
  routeSchema,
  errors,
  events,
  check: findings,
  async setup({ store, apiKeyField, onStoreError }, app) {
    const {
      redis: client,
      prefix,
      timeoutMs,
      maxKeys,
    } = store as { maxKeys: number; prefix: string; timeoutMs: number } & typeof store
    const failing = onStoreError as 'local' | 'closed' | 'open'
    const redis =
      client &&
      new RedisStore({
        client,
        prefix,
        timeoutMs,
        clock,
        onOutage(reason) {
          app.log.error({ reason, onStoreError: failing }, 'the rate-limit store does not answer')
          emit(app, events['rate-limit.store-unavailable'], {
            outcome: failing === 'closed' ? 'denied' : 'allowed',
            detail: { reason, onStoreError: failing },
          })
        },
      })
    const thrown = new Set<string>()
    const limiters = new Limiters({
      engine: await openEngine(clock),
      redis,
      maxKeys,
      apiKeyField: apiKeyField as string,
      onStoreError: failing,
      clock,
      onOverflow(policy) {
        app.log.error({ policy, maxKeys }, 'newcomers share one quota: everybody known is being refused')
        emit(app, events['rate-limit.overflowed'], { outcome: 'allowed', detail: { policy, maxKeys } })
      },
      onThrow(policy, error) {
        if (thrown.has(policy)) return
        thrown.add(policy)
        app.log.error({ err: error, policy }, 'partitionBy gave no name; such callers are counted by address')
      },
    })

    return {
      compile({ policies }) {
        const quotas = policies.map(parsePolicy)
        const before = quotas.filter(({ stage }) => stage === 'onRequest')
        const after = quotas.filter(({ stage }) => stage === 'preParsing')
        return {
          ...(before.length > 0 && { onRequest: limiters.compile(before, quotas, false) }),
          ...(after.length > 0 && { preParsing: limiters.compile(after, quotas, before.length > 0) }),
        }
      },

      ready(routes) {
        const known = new Map<string, { quota: Quota; route: string }>()
        for (const { method, url, policy, concerns } of routes) {
          const route = `${method} ${url}`
          const quotas = policy.policies.map(parsePolicy)
          for (const quota of quotas) {
            const first = known.get(quota.name)
            if (first === undefined) known.set(quota.name, { quota, route })
            else if (!sameQuota(first.quota, quota))
              throw new errors.PTC_RATE_LIMIT_NAME_REUSED(quota.name, first.route, route)
          }
          if (quotas.some(({ partitionBy }) => partitionBy === 'identity') && !concerns.includes('auth')) {
            app.log.warn({ route }, 'quotas by identity count by address here: no auth room says who is calling')
          }
          if (quotas.every(({ partitionBy }) => partitionBy === 'api-key')) {
            app.log.warn({ route }, 'quotas by API key alone do not bound callers who invent keys; add one by ip')
          }
        }
      },
    }
  },
})

export default plugin
