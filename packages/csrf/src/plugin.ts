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
  heeds: ['auth'],
  check,
  setup(options, app) {
    const tokens = openTokens(app, options)
    const compile = stepsWith(tokens)
    /** The cookie of sessions that tokens are not bound to: they would outlive a login. */
    let unbound: string | undefined
    return {
      compile(policy, { heeded }) {
        const cookie = (heeded['auth'] as { session?: { cookie: string } } | undefined)?.session?.cookie
        if (typeof tokens.session !== 'function' && cookie !== tokens.session) unbound ??= cookie
        return compile(policy)
      },
      ready(routes) {
        if (tokens.keys !== null) {
          if (unbound !== undefined)
            app.log.warn(`csrf: tokens are not bound to the sessions of @portcullis/auth; write session: '${unbound}'`)
          return
        }
        // Better here than as a 500 at the first visit.
        const handing = routes.find(({ route }) => route.options.handler === sendToken)
        if (handing === undefined) return
        const { method, url } = handing
        throw new errors.PTC_CSRF_SECRETS_MISSING(`${method} ${url} hands them out, and \`secrets\` is absent`)
      },
    }
  },
})
export default plugin
