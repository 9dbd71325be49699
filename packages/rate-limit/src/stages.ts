import type { Steps } from '@portcullis/kernel'
import { compileAddresses, type AddressList } from './address-list.ts'
import { errors } from './errors.ts'
import type { Limiter, Limiters } from './limiter.ts'
import type { LoginGuardSteps } from './login/login-guard.ts'
import type { Quota, Stage } from './policy.ts'

const STAGES: readonly Stage[] = ['onRequest', 'preParsing', 'preHandler']

/** Compiles what a policy does in each stage. */
export function compileStages(
  quotas: readonly Quota[],
  lists: { readonly allow: readonly string[] | undefined; readonly deny: readonly string[] | undefined },
  limiters: Limiters,
): Partial<Record<Stage, Limiter>> {
  const allowed = compileList(lists.allow)
  const denied = compileList(lists.deny)
  const steps: Partial<Record<Stage, Limiter>> = {}
  let joins = false
  for (const stage of STAGES) {
    const own = quotas.filter((quota) => quota.stage === stage)
    if (own.length === 0) continue
    steps[stage] = unlessAllowed(allowed, byMethod(own, quotas, limiters, joins))
    joins = true
  }
  const first = steps.onRequest
  return denied === undefined ? steps : { ...steps, onRequest: unlessDenied(denied, first) }
}

function compileList(entries: readonly string[] | undefined): AddressList | undefined {
  return entries === undefined || entries.length === 0 ? undefined : compileAddresses(entries)
}

function unlessAllowed(allowed: AddressList | undefined, limiter: Limiter): Limiter {
  if (allowed === undefined) return limiter
  return (request, reply) => (allowed(request.ip) ? undefined : limiter(request, reply))
}

function unlessDenied(denied: AddressList, limiter: Limiter | undefined): Limiter {
  return (request, reply) => {
    if (denied(request.ip)) return errors.PTC_RATE_LIMIT_DENIED
    return limiter?.(request, reply)
  }
}

/** Compiles a limiter for each method that a policy names, and one for all others. */
function byMethod(own: readonly Quota[], all: readonly Quota[], limiters: Limiters, joins: boolean): Limiter {
  const methods = new Set<string>(all.flatMap((quota) => quota.methods ?? []))
  if (methods.size === 0) return limiters.compile(own, all, joins)
  const limiterFor = (method: string | undefined): Limiter | undefined => {
    const holds = (quota: Quota): boolean => quota.methods === undefined || quota.methods.some((one) => one === method)
    const held = own.filter(holds)
    return held.length === 0 ? undefined : limiters.compile(held, all.filter(holds), joins)
  }
  const named = new Map([...methods].map((method) => [method, limiterFor(method)]))
  // RFC 9110 §9.3.2: HEAD asks for what GET answers.
  if (named.has('GET')) named.set('HEAD', named.get('GET'))
  const others = limiterFor(undefined)
  return (request, reply) => {
    const { method } = request
    return (named.has(method) ? named.get(method) : others)?.(request, reply)
  }
}

/** Adds a login guard, which acts after the quotas of its stage, and on allowed addresses too. */
export function withGuard(steps: Partial<Record<Stage, Limiter>>, guard: LoginGuardSteps | undefined): Steps {
  if (guard === undefined) return steps
  const before = steps.preHandler
  if (before === undefined) return { ...steps, ...guard }
  return {
    ...steps,
    ...guard,
    preHandler(request, reply) {
      const verdict = before(request, reply)
      if (verdict instanceof Promise) return verdict.then((settled) => settled ?? guard.preHandler(request, reply))
      return verdict ?? guard.preHandler(request, reply)
    },
  }
}
