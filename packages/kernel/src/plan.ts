import { refuseToBoot } from './boot.ts'
import { camel } from './concern-key.ts'
import { freeze, isPlain, merge } from './copy.ts'
import type { Mistake } from './options.ts'
import { concerns } from './order.ts'
import { nameOf, securityOf, type RouteRecord } from './record.ts'
import { Prefixes } from './prefixes.ts'
import { nearest, type Registration, type State } from './state.ts'
import { isSlip, suggest } from './suggest.ts'

const byKey: ReadonlyMap<string, string> = new Map([...concerns].map((concern) => [camel(concern), concern]))

/** What holds for one concern on one route. */
export interface Planned {
  readonly registration: Registration
  readonly policy: Readonly<Record<string, unknown>>
  /** Whether the route itself wrote a policy. */
  readonly declared: boolean
}

/** What holds on one route, by concern. */
export type Plan = Map<string, Planned>

/** Finds the effective policies of routes, and gathers the mistakes in what they wrote. */
export class Planner {
  readonly #state: State
  readonly #held = new Map<object, Map<string, Registration>>()
  readonly #mistakes: Mistake[] = []
  readonly #prefixes = new Prefixes()
  /** What mistaken routes wrote, by URL: the HEAD twin of a GET writes the same. */
  readonly #told = new Map<string, Set<unknown>>()

  constructor(state: State) {
    this.#state = state
  }

  /**
   * The plans of all routes.
   * @throws PTC_OPTIONS_INVALID with the mistakes of all routes.
   */
  plans(): (readonly [RouteRecord, Plan])[] {
    const plans = this.#state.records.map((record) => [record, this.#plan(record)] as const)
    if (this.#mistakes.length > 0) refuseToBoot('the policies of routes', this.#mistakes)
    this.#prefixes.refuseUnused(this.#state)
    return plans
  }

  /** The registrations that hold in a scope. */
  #nearest(scope: object): Map<string, Registration> {
    const found = this.#held.get(scope) ?? nearest(this.#state, scope)
    this.#held.set(scope, found)
    return found
  }

  #plan(record: RouteRecord): Plan {
    const held = this.#nearest(record.scope)
    const plan: Plan = new Map()
    for (const [concern, registration] of held) {
      if (registration.room !== null) plan.set(concern, { registration, policy: registration.options, declared: false })
    }
    const written = securityOf(record)
    const misspelt = written === undefined && this.#state.active ? misspeltKey(record) : undefined
    if (misspelt !== undefined) this.#mistakes.push(misspelt)
    this.#mistakes.push(...outside(record, held))
    const security = this.#prefixes.completed(record.url, written, held)
    if (security === undefined) return plan
    const twin = record.methods.length === 1 && record.methods[0] === 'HEAD'
    if (twin && this.#told.get(record.url)?.has(security)) return plan

    const mistakes = isPlain(security) ? this.#read(security, held, plan) : this.#state.active ? [notAnObject] : []
    if (mistakes.length === 0) return plan
    this.#told.set(record.url, (this.#told.get(record.url) ?? new Set()).add(security))
    const route = nameOf(record)
    this.#mistakes.push(...mistakes.map((mistake) => ({ ...mistake, route })))
    return plan
  }

  /** Lays what a route wrote over what holds around it; returns the mistakes in it. */
  #read(security: Record<string, unknown>, held: ReadonlyMap<string, Registration>, plan: Plan): Mistake[] {
    const mistakes: Mistake[] = []
    for (const [key, given] of Object.entries(security)) {
      if (given === undefined) continue
      const concern = byKey.get(key)
      const registration = concern === undefined ? undefined : held.get(concern)
      if (concern === undefined) {
        if (this.#state.active) mistakes.push(unknownConcern(key, security, [...held.keys()].map(camel)))
      } else if (registration === undefined) {
        mistakes.push({
          path: key,
          rule: 'registered',
          message: `has no effect: no enclosing scope registers @portcullis/${concern}; register it, or remove the policy`,
          fix: [{ op: 'remove', path: `/${key}` }],
        })
      } else if (given === false) plan.delete(concern)
      else if (given === null) mistakes.push(nothing(key))
      else mistakes.push(...lay(key, registration, given, plan))
    }
    return mistakes
  }
}

/** `config.secrity`: Fastify's `config` takes any key, so this one would be lost without a word. */
function misspeltKey(record: RouteRecord): Mistake | undefined {
  const config = record.options.config as Record<string, unknown> | undefined
  // `securityLevel` and `severity` are words of their own: only one wrong letter is a slip.
  const key = Object.keys(config ?? {}).find((name) => name !== 'security' && isSlip(name, 'security'))
  if (key === undefined || !isPlain(config?.[key])) return undefined
  return {
    path: `config.${key}`,
    rule: 'misspelt-security',
    message: 'is not read by anybody here; did you mean `security`?',
    fix: [{ op: 'remove', path: '' }],
    route: nameOf(record),
  }
}

/** `config.csrf` beside `config.security`: a key of the user's own, unless it is word for word a policy of a room here. */
function outside(record: RouteRecord, held: ReadonlyMap<string, Registration>): Mistake[] {
  const config = (record.options.config ?? {}) as Record<string, unknown>
  const security = securityOf(record)
  return [...held.values()].flatMap(({ concern, room, route }): Mistake[] => {
    const key = camel(concern)
    const value = config[key]
    if (room === null || !isPlain(value) || Object.keys(value).length === 0) return []
    if ((isPlain(security) && security[key] !== undefined) || route?.(value).options === undefined) return []
    return [
      {
        path: `config.${key}`,
        rule: 'outside-security',
        message: `is not read by anybody here; write config: { security: { ${key}: … } }`,
        fix: [{ op: 'add', path: `/${key}`, value }],
        route: nameOf(record),
      },
    ]
  })
}

const notAnObject: Mistake = {
  path: 'security',
  rule: 'type',
  message: 'must be an object of policies by concern',
  fix: [{ op: 'remove', path: '' }],
}

/** Read as options, null would be `{}`, which for auth admits any identity. */
function nothing(key: string): Mistake {
  const message = 'must be an object or false, not null; remove it'
  return { path: key, rule: 'type', message, fix: [{ op: 'remove', path: `/${key}` }] }
}

function unknownConcern(key: string, security: object, known: readonly string[]): Mistake {
  const meant = suggest(key, known)
  return {
    path: key,
    rule: 'additionalProperties',
    message: `is not a concern; ${meant === undefined ? `the concerns here are ${known.join(', ')}` : `did you mean \`${meant}\`?`}`,
    fix:
      meant !== undefined && !Object.hasOwn(security, meant)
        ? [{ op: 'move', from: `/${key}`, path: `/${meant}` }]
        : [{ op: 'remove', path: `/${key}` }],
  }
}

/** Lays one route policy over its registration's options. */
function lay(key: string, registration: Registration, given: unknown, plan: Plan): readonly Mistake[] {
  if (registration.route === undefined) {
    const message = 'has no policy of its own on a route; write false, or remove it'
    return [{ path: key, rule: 'type', message, fix: [{ op: 'remove', path: `/${key}` }] }]
  }
  const own = registration.route(given)
  if (own.options === undefined) return own.mistakes.map((one) => under(key, one))
  const policy = freeze(merge(registration.options, own.options)) as Readonly<Record<string, unknown>>
  const crossed = registration.check(policy)
  if (crossed.options === undefined) return crossed.mistakes.map((one) => under(key, one))
  if (registration.room !== null) plan.set(registration.concern, { registration, policy, declared: true })
  return []
}

/** A mistake in a concern's policy, as seen from `config.security`. */
function under(key: string, one: Mistake): Mistake {
  return {
    ...one,
    path: one.path === '' ? key : one.path.startsWith('[') ? `${key}${one.path}` : `${key}.${one.path}`,
    fix: one.fix.map((operation) =>
      'from' in operation
        ? { ...operation, from: `/${key}${operation.from}`, path: `/${key}${operation.path}` }
        : { ...operation, path: `/${key}${operation.path}` },
    ),
  }
}
