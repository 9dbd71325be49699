import { emit, routesAt, type Refusal, type Steps, type Verdict } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Answer } from './engine.ts'
import { refusalsOf } from './errors.ts'
import { events } from './events.ts'
import { compileGrants, type Granted } from './grants.ts'
import type { CorsOptions } from './options.ts'
import type { Decision } from './policy.ts'
import { mergeVary } from './vary.ts'

const WITHHELD = { outcome: 'allowed', detail: { reason: 'origin' } } as const

const ACTUAL = 'Origin'
// OPTIONS is not cacheable (RFC 9110 §9.3.7), but some caches keep it all the same.
const PREFLIGHT = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'

/**
 * What one policy does to requests.
 * @param answered gives what @fastify/cors answered at boot
 * @param decisionOf gives the decision of this policy, and of other routes' policies
 * @param inGateway whether foreign requests are refused unless the policy says otherwise
 */
export function stepsOf(
  policy: Readonly<CorsOptions>,
  answered: () => Answer,
  decisionOf: (policy: Readonly<CorsOptions>) => Decision,
  inGateway = false,
): Steps {
  const decision = decisionOf(policy)
  const { admits, admitsHeaders, refusesForeignOrigins = inGateway, question } = decision
  const grants = compileGrants(policy, decision, decisionOf)
  const refused = refusalsOf(decision.tellsWhy)

  const preflight = (
    request: FastifyRequest,
    reply: FastifyReply,
    origin: string,
    method: string,
  ): Verdict | Promise<Verdict> => {
    vary(reply, PREFLIGHT)
    const admitted = admits(origin)
    if (admitted === false) return refused.origin
    const granted = grants(routesAt<CorsOptions>(request, 'cors'), origin)
    if (admitted === true && !(granted instanceof Promise)) return grant(request, reply, origin, method, granted)
    return Promise.all([admitted, granted]).then(([yes, what]) =>
      yes ? grant(request, reply, origin, method, what) : refused.origin,
    )
  }

  const grant = (
    request: FastifyRequest,
    reply: FastifyReply,
    origin: string,
    method: string,
    { holds, listed }: Granted,
  ): Refusal | FastifyReply => {
    if (!holds(method)) return refused.method
    if (!admitsHeaders(request.headers['access-control-request-headers'] as string | undefined)) return refused.header
    const { allowOrigin, preflight: fields } = answered()
    reply.header('access-control-allow-origin', allowOrigin ?? origin)
    reply.header('access-control-allow-methods', listed)
    for (const [name, value] of fields) reply.header(name, value)
    // RFC 9110 §8.6: a 204 has no Content-Length.
    return reply.code(204).send()
  }

  const admit = (reply: FastifyReply, origin: string): void => {
    reply.header('access-control-allow-origin', origin)
    for (const [name, value] of answered().actual) reply.header(name, value)
  }

  const foreign = (request: FastifyRequest, origin: string): Refusal | undefined => {
    if (isSameOrigin(request, origin)) return undefined
    if (refusesForeignOrigins) return refused.foreign
    emit(request, events['cors.withheld'], WITHHELD)
    return undefined
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
        for (const [name, value] of actual) reply.header(name, value)
        return
      }
      vary(reply, ACTUAL)
      if (origin === undefined) return
      const admitted = admits(origin)
      if (admitted === true) return admit(reply, origin)
      if (admitted === false) return foreign(request, origin)
      return admitted.then((yes) => (yes ? admit(reply, origin) : foreign(request, origin)))
    },
  }
  if (!question.everybody) {
    // A handler or hook that sets a Vary of its own would drop ours, and caches would mix up origins (Fetch §3.2.5).
    steps.onSend = (_, reply) => {
      const written = reply.getHeader('vary')
      if (written !== ACTUAL && written !== PREFLIGHT) vary(reply, ACTUAL)
    }
  }
  return steps
}

/** Browsers send an Origin with same-origin POSTs too; pages cannot forge Sec-Fetch-Site (Fetch Metadata §2). */
function isSameOrigin(request: FastifyRequest, origin: string): boolean {
  return request.headers['sec-fetch-site'] === 'same-origin' || origin === `${request.protocol}://${request.host}`
}

function vary(reply: FastifyReply, names: string): void {
  const earlier = reply.getHeader('vary')
  reply.header('vary', earlier === undefined ? names : mergeVary(earlier, names))
}
