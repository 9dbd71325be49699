import { randomUUID } from 'node:crypto'
import { defineRoom, emit, refuse } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'
import { check } from './check.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { type Destination, forward, type Lane } from './forward.ts'
import { TokenMint } from './internal-token.ts'
import type { GatewayOptions } from './options.ts'
import { optionsSchema } from './options-schema.ts'
import { compilePolicy } from './policy.ts'
import { compileIntake, parseBody } from './schemas/intake.ts'
import { withoutCodings } from './schemas/output.ts'
import type { RouteSchemas } from './schemas/route-schemas.ts'
import { watchHealth } from './upstreams/health.ts'
import { rememberUpstreams } from './upstreams/status.ts'
import { type TargetWatch, Upstream } from './upstreams/upstream.ts'
import { WebSockets } from './web-sockets/open.ts'
import { rememberWebSockets } from './web-sockets/registry.ts'
import { routeUpgrades } from './web-sockets/upgrade.ts'

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
    const watch: TargetWatch = {
      ejected: (upstream, target, reason) => {
        app.log.error({ upstream, target, reason }, 'gateway: a target is given up')
        emit(app, events['gateway.target-ejected'], { outcome: 'denied', detail: { upstream, target, reason } })
      },
      restored: (upstream, target) => {
        app.log.info({ upstream, target }, 'gateway: a target is back')
        emit(app, events['gateway.target-restored'], { outcome: 'allowed', detail: { upstream, target } })
      },
    }
    const ends: (() => void)[] = []
    const destinations = new Map<string, Destination>()
    for (const terms of policy.upstreams) {
      const upstream = new Upstream(terms, watch, options.targetStates)
      const mint = new TokenMint(policy.token, terms.audience, Date.now, randomUUID)
      destinations.set(terms.name, { upstream, mint, forwardAuthorization: terms.forwardAuthorization })
      if (terms.health !== null) ends.push(watchHealth(upstream, terms.health))
    }
    const upstreams = [...destinations.values()].map(({ upstream }) => upstream)
    rememberUpstreams(app, upstreams)
    await app.register(async (scope) => {
      // Bodies pass unread, whatever their type, but for those that a schema is asked about.
      scope.removeAllContentTypeParsers()
      scope.addContentTypeParser('*', parseBody)
      for (const route of policy.routes) {
        const webSockets = route.webSocket === null ? null : new WebSockets(route.webSocket)
        if (webSockets !== null) {
          routeUpgrades(app)
          rememberWebSockets(app, webSockets)
          app.addHook('preClose', async () => webSockets.close())
        }
        for (const method of route.methods) {
          const { input, output, declaration } = route.schemas.get(method) as RouteSchemas
          const forwarded = output === null ? policy.forwarded : withoutCodings(policy.forwarded)
          const destination = destinations.get(route.upstream) as Destination
          const lane: Lane = { ...destination, route, webSockets, output, forwarded }
          scope.route({
            method,
            url: route.path,
            // Declared by ourselves: Fastify's own twin of a GET answers `content-length: 0`.
            exposeHeadRoute: false,
            // For whoever reads bodies before: the limit is checked by ourselves. Fastify knows no limit of 0.
            bodyLimit: Math.max(1, route.bodyLimit),
            ...(route.host === null ? {} : { constraints: { host: route.host } }),
            config: route.security === undefined ? {} : { security: route.security },
            ...(declaration === null ? {} : { schema: declaration, validatorCompiler: () => () => true }),
            ...(input === null ? {} : compileIntake(input, route.bodyLimit, options.reportOnly === true)),
            handler: (request, reply) => {
              const refusal = forward(request, reply, lane, policy)
              if (refusal !== null) refuse(request, reply, refusal)
            },
          })
        }
      }
    })
    app.addHook('onClose', async () => {
      for (const end of ends) end()
      await Promise.all(upstreams.map((upstream) => upstream.close()))
    })
    return { compile: () => ({}) }
  },
})
export default plugin
