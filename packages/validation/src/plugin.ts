import { randomBytes } from 'node:crypto'
import { defineRoom, type PrefixPolicy } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'
import { BodyRates, type Ticker } from './body-rate.ts'
import { declaredBy } from './declared.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { compileIntake } from './intake.ts'
import { optionsSchema, routeSchema, type ValidationOptions, type ValidationRoute } from './options.ts'
import { compilePolicy } from './policy.ts'

const ticker: Ticker = {
  now: () => performance.now(),
  every(ms, tick) {
    const timer = setInterval(tick, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
}

/** Refuses what no schema admits. */
const plugin: FastifyPluginAsync<ValidationOptions> = defineRoom<ValidationOptions, ValidationRoute>({
  concern: 'validation',
  optionsSchema,
  routeSchema,
  errors,
  events,
  perRoute: true,
  policiesByPrefix: ({ routes = [] }) =>
    routes.map(({ prefix, policy }, index): PrefixPolicy => ({ prefix, policy, at: `/routes/${index}/prefix` })),
  setup(_options, app) {
    const rates = new BodyRates(ticker)
    const seed = randomBytes(4).readInt32LE()
    app.addHook('onClose', (_app, done) => {
      rates.close()
      done()
    })
    const appLimit = app.initialConfig.bodyLimit ?? 1_048_576

    return {
      compile(options, { kind, route }) {
        const declared = route === undefined ? null : declaredBy(route)
        const policy = compilePolicy(options, { declared, limit: route?.options.bodyLimit ?? appLimit, seed })
        const about = { rates, now: ticker.now, reportOnly: options.reportOnly === true, lenient: kind === 'not-found' }
        return {
          onRequest(request) {
            const { raw } = request
            const sent = (raw as { originalUrl?: string }).originalUrl
            const reason = policy.path(raw.url as string) ?? (sent === undefined ? null : policy.path(sent))
            request.security.pathFault = reason
            return reason === null ? undefined : errors.PTC_VALIDATION_PATH_REFUSED.with({ detail: { reason } })
          },
          preParsing: compileIntake(policy, about),
        }
      },
    }
  },
})
export default plugin
