import { defineRoom } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { openTokens, sendToken } from './issue.ts'
import { optionsSchema, routeSchema, type CsrfOptions, type CsrfRoute } from './options.ts'
import { check } from './rules.ts'
import { stepsWith } from './steps.ts'

/**
 * Refuses state changes that another site triggered.
 * @example await app.register(csrf, { origins: ['https://app.example.com'] })
 */
const plugin: FastifyPluginAsync<CsrfOptions> = defineRoom<CsrfOptions, CsrfRoute>({
  concern: 'csrf',
  optionsSchema,
  routeSchema,
  errors,
  events,
  policiesByPrefix: true,
  check,
  setup(options, app) {
    const tokens = openTokens(app, options)
    return {
      compile: stepsWith(tokens),
      // Better here than as a 500 at the first visit.
      ready(routes) {
        const handing = routes.find(({ route }) => route.options.handler === sendToken)
        if (handing === undefined || tokens.keys !== null) return
        throw new errors.PTC_CSRF_SECRETS_MISSING(
          `${handing.method} ${handing.url} hands them out, and \`secrets\` is absent`,
        )
      },
    }
  },
})
export default plugin
