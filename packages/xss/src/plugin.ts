import { defineRoom, type DeclaredRoute } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { optionsSchema, routeSchema, type XssOptions, type XssRoute } from './options.ts'
import { compilePolicy } from './policy.ts'
import { RichRoute } from './rich-routes.ts'

/**
 * Keeps a response from running as script: documents leave only where a route says so, everything has a type and a
 * charset, and rich text is sanitised on its way out.
 * @throws `PTC_OPTIONS_INVALID` with all mistakes, before the app is ready.
 */
const plugin: FastifyPluginAsync<XssOptions> = defineRoom<XssOptions, XssRoute>({
  concern: 'xss',
  optionsSchema,
  routeSchema,
  errors,
  events,
  policiesByPrefix: true,
  setup() {
    const rich = new Map<DeclaredRoute, RichRoute>()
    return {
      compile(options) {
        const policy = compilePolicy(options)
        return {
          onSend(_request, reply, payload) {
            if (payload === undefined || payload === null) return undefined
            // Fetch §3.6: without it a script element runs JSON and text, and browsers guess at the rest.
            reply.header('x-content-type-options', 'nosniff')
            const { type, refused, kind } = policy(reply.getHeader('content-type'))
            if (type !== null) reply.header('content-type', type)
            if (refused !== null) {
              const detail = kind === null ? { reason: refused } : { reason: refused, kind }
              return errors[kind === null ? 'PTC_XSS_TYPE_MISSING' : 'PTC_XSS_TYPE_UNDECLARED'].with({ detail })
            }
            return undefined
          },
        }
      },
      prepare(route) {
        rich.set(route, new RichRoute(route))
      },
      ready(routes) {
        for (const { route, policy } of routes) rich.get(route)?.settle(policy.richText ?? 'basic')
      },
    }
  },
})
export default plugin
