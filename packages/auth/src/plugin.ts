import { defineRoom, type Watch } from '@portcullis/kernel'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { check } from './check.ts'
import { systemClock } from './clock.ts'
import { rememberClosed } from './access/closed-routes.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import type { Outcome, Strategy } from './identity.ts'
import { writtenIssuers } from './jwt/issuers.ts'
import type { LookUp } from './remote/look-up.ts'
import { Outage } from './remote/outage.ts'
import { type AuthOptions, optionsSchema } from './options.ts'
import { compileOwnership } from './access/ownership.ts'
import { compileGate, type Gate } from './policy.ts'
import { metadataOf, metadataPath, metadataUrl } from './answers/resource-metadata.ts'
import { type AuthRoute, routeSchema } from './access/route-options.ts'
import { standIn } from './stand-in.ts'
import { openStrategies } from './strategies.ts'
import { watched } from './watched.ts'

const plugin: FastifyPluginAsync<AuthOptions> = defineRoom<AuthOptions, AuthRoute>({
  concern: 'auth',
  optionsSchema,
  routeSchema,
  errors,
  events,
  check,
  requires: ({ session, clientCertificate }) => [
    // A browser sends its cookies on its own, whoever's page asks for it.
    ...(session === undefined ? [] : ['csrf']),
    ...(clientCertificate === undefined ? [] : ['https']),
  ],
  policiesByPrefix: true,
  async setup(options, app) {
    const { jwt, introspection, resourceMetadata, lookUpTimeout = 5 } = options
    const clock = jwt?.clock ?? Date.now
    const time = systemClock(clock)
    const lookUp = (name: string): LookUp => ({
      timeoutMs: lookUpTimeout * 1000,
      onFailure: (error) => app.log.error({ err: error }, `auth: ${name} failed; requests that need it get 503`),
      outage: new Outage(clock),
    })
    const strategies = await openStrategies(options, app, clock, lookUp)
    const issuers = jwt === undefined ? [] : writtenIssuers(jwt).map((one) => one.options.issuer ?? '')
    const manyIssuers = new Set(introspection === undefined ? issuers : [...issuers, introspection.issuer]).size > 1
    if (resourceMetadata !== undefined) {
      if (app.prefix !== '') throw new errors.PTC_AUTH_METADATA_PREFIXED(app.prefix)
      const document = metadataOf(resourceMetadata, issuers)
      const open = { config: { security: { auth: false } } } as const
      app.get(metadataPath(resourceMetadata.resource), open, async () => document)
    }
    const metadata = resourceMetadata === undefined ? undefined : metadataUrl(resourceMetadata.resource)
    return {
      compile({ anyOf, scopes, roles, stepUp, owner, realm = '', apiKeys, session }, { kind, declared }) {
        const admission = kind === 'not-found' ? kind : declared ? 'declared' : 'undeclared'
        const challenges = { realm, header: apiKeys?.header ?? '', cookie: session?.cookie, resourceMetadata: metadata }
        const gate = compileGate({ strategies, anyOf, scopes, roles, stepUp, admission, clock, ...challenges })
        const onRequest = (request: FastifyRequest, reply: FastifyReply) => readable(pass(gate, request), reply)
        const watch: Watch = (request, ended) => watched(gate, time, request, ended)
        if (owner === undefined) return { onRequest, watch }
        const compare = compileOwnership(owner, manyIssuers, lookUp('owner'))
        return { onRequest, watch, preHandler: (request) => own(gate, compare, request) }
      },
      ready(routes) {
        const names = new Set(routes.filter(({ declared }) => !declared).map(({ method, url }) => `${method} ${url}`))
        rememberClosed(app.server, names)
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

type Verdict = ReturnType<Gate['judge']>

function pass(gate: Gate, request: FastifyRequest): Verdict | Promise<Verdict> {
  const tested = standIn.identityOf?.(request)
  if (tested !== undefined) return gate.judge((request.security.identity = tested))
  const { headers, rawHeaders } = request.raw
  const found = gate.find(headers, rawHeaders, request.security)
  if (!('strategy' in found)) return found
  const { strategy, credential } = found
  const outcome = strategy.verify(credential, request.security)
  return outcome instanceof Promise
    ? outcome.then((settled) => settle(gate, request, strategy, settled))
    : settle(gate, request, strategy, outcome)
}

function settle(gate: Gate, request: FastifyRequest, { scheme }: Strategy, outcome: Outcome): Verdict {
  if (typeof outcome === 'string') return gate.refuse(scheme, outcome)
  // Set before the scopes are judged, so that a refusal's event tells whom it refused.
  request.security.identity = outcome
  return gate.judge(outcome)
}

function own(gate: Gate, compare: ReturnType<typeof compileOwnership>, request: FastifyRequest) {
  const { identity } = request.security
  if (identity === null) return gate.refusals.notOwner(null)
  const verdict = (said: Awaited<ReturnType<typeof compare>>): Verdict =>
    said === 'owner' ? undefined : said === 'stranger' ? gate.refusals.notOwner(identity) : gate.refusals.ownerUnknown()
  const said = compare(request, identity)
  return said instanceof Promise ? said.then(verdict) : verdict(said)
}

/** Lets a page that may read the answer read the challenge too (Fetch, CORS-exposed header-names). */
function readable(verdict: Verdict | Promise<Verdict>, reply: FastifyReply): Verdict | Promise<Verdict> {
  if (verdict === undefined) return undefined
  if (verdict instanceof Promise) return verdict.then((settled) => readable(settled, reply))
  if (reply.hasHeader('access-control-allow-origin')) {
    const exposed = [reply.getHeader('access-control-expose-headers') ?? []].flat().join(', ')
    if (/\*|www-authenticate/i.test(exposed)) return verdict
    reply.header('access-control-expose-headers', `${exposed === '' ? '' : `${exposed}, `}WWW-Authenticate`)
  }
  return verdict
}
