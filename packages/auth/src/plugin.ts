import { defineRoom } from '@portcullis/kernel'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import { basicStrategy } from './basic.ts'
import { check } from './check.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import type { Outcome, Strategy } from './identity.ts'
import { openApiKeys } from './open-api-keys.ts'
import { openJwt } from './open-jwt.ts'
import { type AuthOptions, optionsSchema } from './options.ts'
import { openRevocations } from './revoke.ts'
import { compileGate, type Gate } from './policy.ts'
import { type AuthRoute, routeSchema } from './route-options.ts'

const plugin: FastifyPluginAsync<AuthOptions> = defineRoom<AuthOptions, AuthRoute>({
  concern: 'auth',
  optionsSchema,
  routeSchema,
  errors,
  events,
  check,
  async setup(options, app) {
    const strategies = await openStrategies(options as Required<AuthOptions>, app)
    return {
      compile({ anyOf, scopes, realm = '', apiKeys }, { kind, declared }) {
        const admission = kind === 'not-found' ? kind : declared ? 'declared' : 'undeclared'
        const gate = compileGate({ strategies, anyOf, scopes, realm, header: apiKeys?.header ?? '', admission })
        return { onRequest: (request) => pass(gate, request) }
      },
      ready(routes) {
        const names = new Set(routes.filter(({ declared }) => !declared).map(({ method, url }) => `${method} ${url}`))
        // The HEAD twin of a GET route shares its policy: one line is enough.
        const closed = [...names].filter((name) => !name.startsWith('HEAD ') || !names.has(`GET ${name.slice(5)}`))
        if (closed.length === 0) return
        if (options.strict === true) throw new errors.PTC_AUTH_ROUTES_UNDECLARED(closed.join(', '))
        app.log.warn({ routes: closed }, 'auth: these routes do not say who may use them, so they admit nobody')
      },
    }
  },
})

export default plugin

function pass(gate: Gate, request: FastifyRequest) {
  const { headers, rawHeaders } = request.raw
  const found = gate.find(headers, rawHeaders, request.security)
  if (!('strategy' in found)) return found
  const { strategy, credential } = found
  const outcome = strategy.verify(credential, request.security)
  return outcome instanceof Promise
    ? outcome.then((settled) => settle(gate, request, strategy, settled))
    : settle(gate, request, strategy, outcome)
}

function settle(gate: Gate, request: FastifyRequest, { scheme }: Strategy, outcome: Outcome) {
  if (typeof outcome === 'string') return gate.refuse(scheme, outcome)
  // Set before the scopes are judged, so that a refusal's event tells whom it refused.
  request.security.identity = outcome
  return gate.judge(outcome)
}

async function openStrategies(options: Required<AuthOptions>, app: FastifyInstance): Promise<Strategy[]> {
  const { jwt, revocation, apiKeys, basic } = options as AuthOptions
  const timeoutMs = options.lookUpTimeout * 1000
  const lookUp = (name: string) => ({
    timeoutMs,
    onFailure: (error: unknown) => app.log.error({ err: error }, `auth: ${name} failed; the caller was answered 503`),
  })
  const now = jwt?.clock ?? Date.now
  const strategies: Strategy[] = []
  if (jwt !== undefined) {
    const revocations = revocation === undefined ? undefined : await openRevocations(revocation, app, now)
    strategies.push(await openJwt(jwt, app, revocations))
  }
  if (apiKeys !== undefined) {
    strategies.push(openApiKeys(apiKeys, app, now, lookUp('apiKeys.find')))
  }
  if (basic !== undefined) strategies.push(basicStrategy({ verify: basic.verify, ...lookUp('basic.verify') }))
  return strategies
}
