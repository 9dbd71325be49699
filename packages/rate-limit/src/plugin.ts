import { defineRoom, emit } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'
import { openBook } from './callers.ts'
import { openEngine } from './engine.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { Limiters } from './limiter.ts'
import { suspicionEvents } from './login/login-events.ts'
import { compileLoginGuard } from './login/login-guard.ts'
import { completeLoginGuard } from './login/login-options.ts'
import { optionsSchema, routeSchema, type RateLimitOptions, type RateLimitRoute } from './options.ts'
import { findings } from './checks.ts'
import { openMemory } from './memory/quota-memory.ts'
import { Penalties } from './penalties/penalties.ts'
import { openStore } from './stores/open-store.ts'
import { parsePolicy } from './policy.ts'
import { checkRoutes } from './route-checks.ts'
import { compileStages, withGuard } from './stages.ts'
import type { OnStoreError } from './stores/store-options.ts'

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
  async setup({ policies: ofScope, store, apiKeyField, onStoreError, nearing, reset }, app) {
    const given = store as { maxKeys: number; prefix: string; timeoutMs: number } & typeof store
    const { maxKeys, memory = openMemory() } = given
    const failing = onStoreError as OnStoreError
    const shared = openStore(given, clock, {
      onOutage(reason) {
        app.log.error({ reason, onStoreError: failing }, 'the rate-limit store does not answer')
        emit(app, events['rate-limit.store-unavailable'], {
          outcome: failing === 'closed' ? 'denied' : 'allowed',
          detail: { reason, onStoreError: failing },
        })
      },
      onRecovery: () => app.log.info('the rate-limit store answers again'),
    })
    const told = new Set<string>()
    const penalties = new Penalties()
    const limiters = new Limiters({
      engine: await openEngine(clock),
      shared,
      memory,
      maxKeys,
      apiKeyField: apiKeyField as string,
      onStoreError: failing,
      clock,
      onOverflow(policy) {
        app.log.error({ policy, maxKeys }, 'newcomers share one quota: everybody known is being refused')
        emit(app, events['rate-limit.overflowed'], { outcome: 'allowed', detail: { policy, maxKeys } })
      },
      penalties,
      nearing: nearing as number,
      reset: reset as 'unix' | 'delta',
      onWrong(policy, property, error) {
        if (told.has(`${policy} ${property}`)) return
        told.add(`${policy} ${property}`)
        const then = property === 'partitionBy' ? 'such callers are counted by address' : 'such requests are refused'
        app.log.error({ err: error, policy }, `${property} gave no use; ${then}`)
      },
    })

    app.addHook('onClose', async () => limiters.close())
    app.addHook('onRoute', ({ method, url, config }) => {
      // Where @fastify/rate-limit has its limits: after a migration they would be gone without a word.
      if (config === undefined || !('rateLimit' in config) || told.has(url)) return
      told.add(url)
      app.log.warn(
        { route: `${String(method)} ${url}` },
        'config.rateLimit is not read; write config.security.rateLimit',
      )
    })

    openBook(app, {
      counted: () => limiters.all,
      shared,
      penalties,
      apiKeyField: apiKeyField as string,
      clock,
    })

    return {
      compile({ policies, loginGuard, reportOnly, allow, deny }) {
        const quotas = policies.map(parsePolicy)
        if (reportOnly === true) penalties.observe(quotas)
        const complete = loginGuard && completeLoginGuard(loginGuard)
        const guard =
          complete &&
          compileLoginGuard(complete, {
            counted: (quota) => limiters.counted(quota),
            shared,
            penalties,
            onStoreError: failing,
            clock,
            onThrow(error) {
              if (told.has(`${complete.name} account`)) return
              told.add(`${complete.name} account`)
              app.log.error({ err: error, guard: complete.name }, 'loginGuard.account named nobody; such are refused')
            },
            onSuspicion: suspicionEvents(complete.name, reportOnly === true),
          })
        return withGuard(compileStages(quotas, { allow, deny }, limiters), guard)
      },

      ready(routes) {
        checkRoutes(ofScope, routes, (route, sentence) => app.log.warn({ route }, sentence))
      },
    }
  },
})

export default plugin
