import { checkApiKeyField, checkPartition, type Finding } from '@portcullis/kernel'
import { checkAddresses } from './address-list.ts'
import { loginGuardFindings } from './login/login-options.ts'
import type { RateLimitOptions, RateLimitRoute } from './options.ts'
import type { PolicyOptions } from './policy-options.ts'
import { holdsBurst, parsePolicy } from './policy.ts'
import { storeFindings } from './stores/store-options.ts'

const AsyncFunction = (async () => {}).constructor
const waits = (value: unknown): boolean => typeof value === 'function' && value instanceof AsyncFunction

function replace(at: string, rule: string, message: string, value: unknown): Finding {
  return { at, rule, message, fix: [{ op: 'replace', path: at, value }] }
}

/** Seconds of a hundred years: so many µs from now are still whole numbers of a double that stores take for a time. */
const CENTURY = 3_153_600_000

/** Rules between the fields of one policy. */
function inPolicy(at: string, given: PolicyOptions): Finding[] {
  const found: Finding[] = []
  const { algorithm, limit, burst, cost, partitionBy } = parsePolicy(given)
  if (given.burst !== undefined && !holdsBurst(algorithm)) {
    found.push({
      at: `${at}/burst`,
      rule: 'burst-needs-bucket',
      message: "needs algorithm: 'token-bucket' or 'leaky-bucket'; a window admits its whole limit at once",
      fix: [{ op: 'remove', path: `${at}/burst` }],
    })
  }
  const least = typeof limit === 'number' ? limit : 1
  const most = Math.max(1, Math.floor((CENTURY * least) / given.window))
  if (burst !== undefined && burst > most) {
    const message = `takes more than a hundred years to come back, longer than times can be told exactly; write burst: ${most}`
    found.push(replace(`${at}/burst`, 'burst-comes-back', message, most))
  }
  const capacity = burst === undefined ? limit : Math.min(burst, most)
  if (typeof cost === 'number' && typeof capacity === 'number' && cost > capacity) {
    const message = `is more than can ever be spent at once, so every request would be refused; write cost: ${capacity}`
    found.push(replace(`${at}/cost`, 'cost-within-capacity', message, capacity))
  }
  for (const [name, value, instead] of [
    ['limit', limit, 100],
    ['cost', cost, 1],
  ] as const) {
    if (!waits(value)) continue
    const message = `must return a number, not a promise; write ${name}: ${instead}`
    found.push(replace(`${at}/${name}`, 'synchronous-amount', message, instead))
  }
  found.push(...checkPartition(`${at}/partitionBy`, partitionBy))
  return found
}

/** Rules between fields. */
export function findings(options: Readonly<Partial<RateLimitOptions & RateLimitRoute>>): Finding[] {
  const found: Finding[] = []
  const names = new Set<string>()
  for (const [index, given] of (options.policies ?? []).entries()) {
    const at = `/policies/${index}`
    const { name } = given
    if (names.has(name)) {
      let free = 2
      while (names.has(`${name}-${free}`) || options.policies?.some((one) => one.name === `${name}-${free}`)) free++
      const message = `is the name of an earlier policy; write name: '${name}-${free}'`
      found.push(replace(`${at}/name`, 'unique-name', message, `${name}-${free}`))
      names.add(`${name}-${free}`)
    }
    names.add(name)
    found.push(...inPolicy(at, given))
  }
  found.push(...checkAddresses('/allow', options.allow ?? []), ...checkAddresses('/deny', options.deny ?? []))
  found.push(...loginGuardFindings(options.loginGuard))
  found.push(...checkApiKeyField(options.apiKeyField))
  found.push(...storeFindings(options.store, options.policies ?? [], options.loginGuard !== undefined))
  return found
}
