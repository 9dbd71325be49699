import type { RouteReport } from '@portcullis/kernel'
import { errors } from './errors.ts'
import { guardedQuotas } from './login/login-quotas.ts'
import type { RateLimitOptions, RateLimitRoute } from './options.ts'
import type { PolicyOptions } from './policy-options.ts'
import { parsePolicy, sameQuota, type Quota } from './policy.ts'
import { isChosen, keysOf } from './subject.ts'

/**
 * Looks over all routes of a registration.
 * @param policies of the registration itself: unknown URLs spend them, whatever the routes say
 * @param warn told what works, but probably not as meant
 * @throws PTC_RATE_LIMIT_NAME_REUSED where one name means two quotas
 */
export function checkRoutes(
  policies: readonly PolicyOptions[],
  routes: readonly RouteReport<RateLimitOptions & RateLimitRoute>[],
  warn: (route: string, sentence: string) => void,
): void {
  const known = new Map<string, { quota: Quota; route: string }>()
  for (const { method, url, policy, concerns } of routes) {
    const route = `${method} ${url}`
    const quotas = policy.policies.map(parsePolicy)
    for (const quota of [...quotas, ...guardedQuotas(policy.loginGuard)]) {
      const first = known.get(quota.name)
      if (first === undefined) known.set(quota.name, { quota, route })
      else if (!sameQuota(first.quota, quota))
        throw new errors.PTC_RATE_LIMIT_NAME_REUSED(quota.name, first.route, route)
    }
    if (quotas.some(({ partitionBy }) => keysOf(partitionBy).includes('identity')) && !concerns.includes('auth'))
      warn(route, 'quotas by identity count by address here: no auth room says who is calling')
    if (quotas.every(({ partitionBy }) => keysOf(partitionBy).some(isChosen)))
      warn(route, 'quotas by what callers may invent (keys, fields) do not bound them; add one by ip')
  }
  for (const quota of policies.map(parsePolicy)) {
    const first = known.get(quota.name)
    if (first !== undefined && !sameQuota(first.quota, quota))
      throw new errors.PTC_RATE_LIMIT_NAME_REUSED(quota.name, 'the registration', first.route)
  }
}
