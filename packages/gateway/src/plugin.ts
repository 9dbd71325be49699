import { randomUUID } from 'node:crypto'
import { defineRoom, refuse } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'
import { check } from './check.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { forward, type Upstream } from './forward.ts'
import { TokenMint } from './internal-token.ts'
import type { GatewayOptions } from './options.ts'
import { optionsSchema } from './options-schema.ts'
import { compilePolicy } from './policy.ts'
import { Service } from './service.ts'

/** Forwards requests to private services. */
const plugin: FastifyPluginAsync<GatewayOptions> = defineRoom<GatewayOptions>({
  concern: 'gateway',
  optionsSchema,
  errors,
  events,
  check,
  requires: (options) => (options.dangerouslyWithoutAuth === true ? [] : ['auth']),
  async setup(options, app) {
    if (options.dangerouslyWithoutAuth === true) app.log.warn('gateway: dangerouslyWithoutAuth opens every route')
    const policy = compilePolicy(options, app.prefix)
    const services = new Map(
      policy.services.map((terms) => {
        const mint = new TokenMint(policy.token, terms.audience, Date.now, randomUUID)
        return [terms.name, { name: terms.name, connections: new Service(terms), mint }] as const
      }),
    )
    await app.register(async (scope) => {
      // Bodies pass unread, whatever their type.
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
      for (const route of policy.routes) {
        const service = services.get(route.service) as Upstream
        for (const method of route.methods) {
          scope.route({
            method,
            url: route.path,
            // Declared by ourselves: Fastify's own twin of a GET answers `content-length: 0`.
            exposeHeadRoute: false,
            config: route.security === undefined ? {} : { security: route.security },
            handler: (request, reply) => {
              const refusal = forward(request, reply, route, service, policy)
              if (refusal !== null) refuse(request, reply, refusal)
            },
          })
        }
      }
    })
    app.addHook('onClose', async () => {
      await Promise.all([...services.values()].map(({ connections }) => connections.close()))
    })
    return { compile: () => ({}) }
  },
})
export default plugin
