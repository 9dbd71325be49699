import { defineRoom } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { openTokens } from './issue.ts'
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
  setup: (options, app) => ({ compile: stepsWith(openTokens(app, options)) }),
})
export default plugin
