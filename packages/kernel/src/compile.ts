import type { FastifyRequest } from 'fastify'
import { buildChain, type Chain, type Link } from './chain.ts'
import { isPlain, freeze, merge } from './copy.ts'
import { errors } from './kernel-errors.ts'
import { table } from './mistakes.ts'
import type { Mistake } from './options.ts'
import { concerns } from './order.ts'
import { nameOf, RECORD, type RouteRecord } from './record.ts'
import type { RouteReport, Subject } from './room.ts'
import { nearest, type Registration, type State } from './state.ts'
import { suggest } from './suggest.ts'
import type { Steps } from './steps.ts'

/** `rate-limit` as it is written in options: `rateLimit`. */
export function camel(concern: string): string {
  return concern.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

const byKey: ReadonlyMap<string, string> = new Map([...concerns].map((concern) => [camel(concern), concern]))

/** What holds for one concern on one route. */
interface Planned {
  readonly registration: Registration
  readonly policy: Readonly<Record<string, unknown>>
  readonly declared: boolean
}

type Plan = Map<string, Planned>

/**
 * Throws one error for many mistakes, each on a line of its own and as data in `mistakes`.
 * @throws PTC_OPTIONS_INVALID
 */
export function refuseToBoot(heading: string, mistakes: readonly Mistake[]): never {
  const rows = mistakes.map(
    ({ route, path, message }) => [route === undefined ? path : `${route} ${path}`, message] as const,
  )
  const count = `${mistakes.length} ${mistakes.length === 1 ? 'mistake' : 'mistakes'}`
  throw Object.assign(new errors.PTC_OPTIONS_INVALID(`${count} in ${heading}\n${table(rows)}`), { mistakes })
}

/** Identities for values that have no JSON, so that equal policies have equal keys. */
function keys(): (value: unknown) => string {
  const known = new Map<unknown, number>()
  const identity = (value: unknown): string => {
    if (!known.has(value)) known.set(value, known.size)
    return `\u0000${known.get(value)}`
  }
  return (policy) =>
    JSON.stringify(policy, (_, value: unknown) => {
      if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint') return identity(value)
      return typeof value === 'object' && value !== null && !Array.isArray(value) && !isPlain(value)
        ? identity(value)
        : value
    })
}

/** Turns registrations and route policies into chains: once, at `ready`. */
export class Compiler {
  readonly #state: State
  readonly #key = keys()
  readonly #compiled = new Map<Registration, Map<string, Link>>()
  readonly #mistakes: Mistake[] = []
  readonly #reports = new Map<Registration, RouteReport<never>[]>()

  constructor(state: State) {
    this.#state = state
  }

  /** Compiles every route, or throws with all mistakes of all routes. */
  async run(): Promise<void> {
    const { records } = this.#state
    const planned = records.map((record) => [record, this.#policiesOf(record)] as const)
    if (this.#mistakes.length > 0) refuseToBoot('the policies of routes', this.#mistakes)
    if (!this.#state.active) return
    this.#lost()
    this.#missing()
    for (const [record, policies] of planned) {
      const links = new Map<string, Link>()
      for (const [concern, { registration, policy, declared }] of policies) {
        links.set(concern, this.#link(registration, policy, { kind: 'route', declared }))
        for (const method of record.methods)
          this.#report(registration, { method, url: record.url, declared, policy: policy as never })
      }
      record.chain = buildChain(this.#state, links)
    }
    for (const at of [this.#state.root, ...this.#state.registrations.keys()]) this.notFoundIn(at)
    for (const scoped of this.#state.registrations.values()) {
      for (const registration of scoped.values())
        await registration.room?.ready?.(this.#reports.get(registration) ?? [])
    }
  }

  /** The chain of a scope's not-found answers. */
  notFound(request: FastifyRequest): Chain {
    return this.#state.notFound.get(request.server) ?? this.notFoundIn(request.server)
  }

  notFoundIn(scope: object): Chain {
    const links = new Map<string, Link>()
    for (const [concern, registration] of nearest(this.#state, scope)) {
      if (registration.room !== null)
        links.set(concern, this.#link(registration, registration.options, { kind: 'not-found', declared: false }))
    }
    const chain = buildChain(this.#state, links)
    this.#state.notFound.set(scope, chain)
    return chain
  }

  #report(registration: Registration, report: RouteReport<never>): void {
    const known = this.#reports.get(registration)
    if (known === undefined) this.#reports.set(registration, [report])
    else known.push(report)
  }

  #link(registration: Registration, policy: Readonly<Record<string, unknown>>, subject: Subject): Link {
    const compiled = this.#compiled.get(registration) ?? new Map<string, Link>()
    this.#compiled.set(registration, compiled)
    const key = `${subject.kind} ${subject.declared} ${this.#key(policy)}`
    const known = compiled.get(key)
    if (known !== undefined) return known
    const steps: Steps = registration.room?.compile(policy as never, subject) ?? {}
    const link: Link = { registration, policy, steps }
    compiled.set(key, link)
    return link
  }

  /** The effective policy of every concern on a route; mistakes are gathered. */
  #policiesOf(record: RouteRecord): Plan {
    const held = nearest(this.#state, record.scope)
    const policies: Plan = new Map()
    for (const [concern, registration] of held) {
      if (registration.room !== null)
        policies.set(concern, { registration, policy: registration.options, declared: false })
    }
    const { security } = record
    if (security === undefined) return policies
    if (!isPlain(security)) {
      if (this.#state.active)
        this.#mistake(record, {
          path: 'security',
          rule: 'type',
          message: 'must be an object of policies by concern',
          fix: [{ op: 'remove', path: '' }],
        })
      return policies
    }
    for (const [key, given] of Object.entries(security)) {
      if (given === undefined) continue
      const concern = byKey.get(key)
      const registration = concern === undefined ? undefined : held.get(concern)
      const remove = [{ op: 'remove', path: `/${key}` }] as const
      if (concern === undefined) {
        if (!this.#state.active) continue
        const meant = suggest(key, [...held.keys()].map(camel))
        const fix =
          meant !== undefined && !Object.hasOwn(security, meant)
            ? ([{ op: 'move', from: `/${key}`, path: `/${meant}` }] as const)
            : remove
        this.#mistake(record, {
          path: key,
          rule: 'additionalProperties',
          message: `is not a concern; ${meant === undefined ? `the concerns here are ${[...held.keys()].map(camel).join(', ')}` : `did you mean \`${meant}\`?`}`,
          fix,
        })
      } else if (registration === undefined) {
        this.#mistake(record, {
          path: key,
          rule: 'registered',
          message: `has no effect: no enclosing scope registers @portcullis/${concern}; register it, or remove the policy`,
          fix: remove,
        })
      } else if (given === false) policies.delete(concern)
      else this.#merge(record, key, registration, given, policies)
    }
    return policies
  }

  #merge(record: RouteRecord, key: string, registration: Registration, given: unknown, policies: Plan): void {
    const place = (mistakes: readonly Mistake[]): void => {
      for (const one of mistakes) {
        this.#mistake(record, {
          ...one,
          path: one.path === '' ? key : one.path.startsWith('[') ? `${key}${one.path}` : `${key}.${one.path}`,
          fix: one.fix.map((operation) =>
            'from' in operation
              ? { ...operation, from: `/${key}${operation.from}`, path: `/${key}${operation.path}` }
              : { ...operation, path: `/${key}${operation.path}` },
          ),
        })
      }
    }
    if (registration.route === undefined) {
      return place([
        {
          path: '',
          rule: 'type',
          message: 'has no policy of its own on a route; write false, or remove it',
          fix: [{ op: 'remove', path: '' }],
        },
      ])
    }
    const own = registration.route(given)
    if (own.options === undefined) return place(own.mistakes)
    const policy = freeze(merge(registration.options, own.options)) as Readonly<Record<string, unknown>>
    const crossed = registration.check(policy)
    if (crossed.options === undefined) return place(crossed.mistakes)
    if (registration.room === null) return
    policies.set(registration.concern, { registration, policy, declared: true })
  }

  #mistake(record: RouteRecord, mistake: Mistake): void {
    // The HEAD twin of a GET shares its config: one mistake, told once.
    const twin = record.methods.length === 1 && record.methods[0] === 'HEAD'
    const told = this.#state.records.some(
      (other) => other !== record && other.url === record.url && other.security === record.security,
    )
    if (!(twin && told)) this.#mistakes.push({ ...mistake, route: nameOf(record) })
  }

  /** Routes whose config somebody replaced after the kernel had recorded them. */
  #lost(): void {
    const lost = this.#state.records.filter(
      (record) => (record.options.config as { [RECORD]?: unknown } | undefined)?.[RECORD] === undefined,
    )
    if (lost.length > 0) throw new errors.PTC_ROUTE_RECORD_LOST(lost.map(nameOf).join(', '))
  }

  /** Concerns that registered rooms need and nobody registered. */
  #missing(): void {
    const missing: string[] = []
    for (const [scope, scoped] of this.#state.registrations) {
      for (const { concern, requires, room } of scoped.values()) {
        if (room === null) continue
        const held = nearest(this.#state, scope)
        for (const needed of requires) {
          if (held.get(needed)?.room == null)
            missing.push(
              `@portcullis/${concern} needs @portcullis/${needed} in the same scope or around it; register it`,
            )
        }
      }
    }
    if (missing.length > 0) throw new errors.PTC_ROOM_MISSING(missing.join('\n  '))
  }
}
