import { emit, routesAt, type Refusal, type Steps } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Answer } from './engine.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import type { CorsOptions } from './options.ts'
import type { Decision } from './policy.ts'
import { holdsMethod, listMethods, UNKNOWN_URL_METHODS } from './preflight.ts'
import { mergeVary } from './vary.ts'

const refused = (reason: string): Refusal => errors.PTC_CORS_PREFLIGHT_REFUSED.with({ detail: { reason } })
const ORIGIN_REFUSED = refused('origin')
const METHOD_REFUSED = refused('method')
const HEADER_REFUSED = refused('header')
const FOREIGN_REFUSED = errors.PTC_CORS_ORIGIN_REFUSED.with({ detail: { reason: 'origin' } })
const WITHHELD = { outcome: 'allowed', detail: { reason: 'origin' } } as const

const ACTUAL = 'Origin'
// OPTIONS is not cacheable (RFC 9110 §9.3.7), but some caches keep it all the same.
const PREFLIGHT = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'

/**
 * What one policy does to requests.
 * @param answered gives what @fastify/cors answered at boot
 * @param decisionOf gives the decision of another route's policy
 */
export function stepsOf(
  decision: Decision,
  answered: () => Answer,
  decisionOf: (policy: Readonly<CorsOptions>) => Decision,
): Steps {
  const { allows, allowsMethod, admitsHeaders, refusesForeignOrigins, question } = decision

  const preflight = (
    request: FastifyRequest,
    reply: FastifyReply,
    origin: string,
    method: string,
  ): Refusal | FastifyReply => {
    vary(reply, PREFLIGHT)
    if (!allows(origin)) return ORIGIN_REFUSED
    const routes = routesAt<CorsOptions>(request, 'cors')
    // Nothing lies at an unknown URL: the page may ask, so that it can read the 404.
    const methods = new Set(routes.length === 0 ? UNKNOWN_URL_METHODS.filter(allowsMethod) : [])
    for (const { method: there, policy } of routes) {
      if (policy === undefined) continue
      const theirs = decisionOf(policy)
      if (theirs.allows(origin) && theirs.allowsMethod(there)) methods.add(there)
    }
    if (!holdsMethod(methods, method)) return METHOD_REFUSED
    if (!admitsHeaders(request.headers['access-control-request-headers'] as string | undefined)) return HEADER_REFUSED
    const { allowOrigin, preflight: fields } = answered()
    reply.header('access-control-allow-origin', allowOrigin ?? origin)
    reply.header('access-control-allow-methods', listMethods(methods))
    for (const [name, value] of fields) reply.header(name, value)
    // RFC 9110 §8.6: a 204 has no Content-Length.
    return reply.code(204).send()
  }

  const steps: Steps = {
    onRequest(request, reply) {
      const { origin } = request.headers
      if (request.method === 'OPTIONS' && origin !== undefined) {
        const method = request.headers['access-control-request-method'] as string | undefined
        if (method !== undefined) return preflight(request, reply, origin, method)
      }
      const { allowOrigin, actual } = answered()
      if (allowOrigin !== null) {
        // The same answer for everybody, with or without an Origin: caches may keep one copy.
        reply.header('access-control-allow-origin', allowOrigin)
      } else {
        vary(reply, ACTUAL)
        if (origin === undefined) return
        if (!allows(origin)) return foreign(request, origin)
        reply.header('access-control-allow-origin', origin)
      }
      for (const [name, value] of actual) reply.header(name, value)
    },
  }
  if (!question.everybody) {
    // A handler or hook that sets a Vary of its own would drop ours, and caches would mix up origins (Fetch §3.2.5).
    steps.onSend = (_, reply) => {
      if (reply.getHeader('vary') !== ACTUAL) vary(reply, ACTUAL)
    }
  }
  return steps

  function foreign(request: FastifyRequest, origin: string): Refusal | undefined {
    if (isSameOrigin(request, origin)) return undefined
    if (refusesForeignOrigins) return FOREIGN_REFUSED
    emit(request, events['cors.withheld'], WITHHELD)
    return undefined
  }
}

/** Browsers send an Origin with same-origin POSTs too; pages cannot forge Sec-Fetch-Site (Fetch Metadata §2). */
function isSameOrigin(request: FastifyRequest, origin: string): boolean {
  return request.headers['sec-fetch-site'] === 'same-origin' || origin === `${request.protocol}://${request.host}`
}

function vary(reply: FastifyReply, names: string): void {
  const earlier = reply.getHeader('vary')
  reply.header('vary', earlier === undefined ? names : mergeVary(earlier, names))
}
