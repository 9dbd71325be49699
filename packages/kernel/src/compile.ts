import type { FastifyInstance, FastifyRequest } from 'fastify'
import { buildChain, type Chain, type Link } from './chain.ts'
import { errors } from './kernel-errors.ts'
import { Planner, type Plan } from './plan.ts'
import { policyKeys } from './policy-key.ts'
import { nameOf, RECORD, type RouteRecord } from './record.ts'
import type { RouteReport, Subject } from './room.ts'
import { nearest, type Registration, type State } from './state.ts'
import type { Steps } from './steps.ts'

type Policy = Readonly<Record<string, unknown>>

/** Turns registrations and route policies into chains: once, at `ready`. */
export class Compiler {
  readonly #state: State
  readonly #key = policyKeys()
  readonly #compiled = new Map<Registration, Map<string, Link>>()
  /** Chains by their links: routes of one policy share one. */
  readonly #chains = new Map<string, Chain>()
  readonly #reports = new Map<Registration, RouteReport<never>[]>()
  /** Numbers routes, for rooms that are compiled per route. */
  readonly #numbers = new Map<RouteRecord, number>()
  #links = 0
  /** Compiling, and after it one replacement after the other. */
  #turn: Promise<void> | undefined

  constructor(state: State) {
    this.#state = state
  }

  /** Compiles every route, or throws with all mistakes of all routes. */
  run(): Promise<void> {
    return (this.#turn = this.#run())
  }

  /**
   * Replaces a registration's options: everything is compiled beside the old and changes over at once.
   * @throws PTC_OPTIONS_INVALID, PTC_ROOM_MISSING; then the old has stayed
   */
  replace(scope: FastifyInstance, concern: string, options: unknown): Promise<void> {
    const before = this.#turn
    const replaced = this.#replace(before, scope, concern, options)
    if (before !== undefined) this.#turn = replaced
    return replaced
  }

  async #replace(
    before: Promise<void> | undefined,
    scope: FastifyInstance,
    concern: string,
    options: unknown,
  ): Promise<void> {
    await before?.catch(() => undefined)
    const scoped = this.#state.registrations.get(scope) as Map<string, Registration>
    const next = await scoped.get(concern)?.renew?.(options)
    if (next === undefined) return
    // Before `ready` nothing is compiled yet.
    if (this.#turn === undefined) scoped.set(concern, next)
    else if (before === undefined) await this.replace(scope, concern, options)
    else await this.#changeOver(next)
  }

  async #changeOver(next: Registration): Promise<void> {
    const { concern, scope } = next
    const registrations = new Map(this.#state.registrations)
    const scoped = new Map(registrations.get(scope)).set(concern, next)
    const state = { ...this.#state, registrations: registrations.set(scope, scoped) }
    this.#reports.clear()
    try {
      const plans = new Planner(state).plans()
      this.#missing(state)
      const chains = plans.map(([record, plan]) => [record, this.#chain(this.#linksOf(record, plan))] as const)
      const scopes = [state.root, ...registrations.keys()]
      const notFound = scopes.map((at) => [at, this.#chain(this.#notFoundLinks(state, at))] as const)
      for (const registration of [...registrations.values()].flatMap((all) => [...all.values()])) {
        if (registration !== next && !registration.heeds.includes(concern)) continue
        await registration.room?.ready?.(this.#reports.get(registration) ?? [])
      }
      // From here on nothing waits and nothing fails: a request meets all of the old or all of the new.
      this.#state.registrations.set(scope, scoped)
      for (const [record, chain] of chains) record.chain = chain
      this.#state.notFound.clear()
      for (const [at, chain] of notFound) this.#state.notFound.set(at, chain)
    } finally {
      this.#forget()
    }
  }

  /** Drops what no route needs: the replaced, or after a mistake the replacing. */
  #forget(): void {
    const chains = new Set([...this.#state.records.map(({ chain }) => chain), ...this.#state.notFound.values()])
    const links = new Set([...chains].flatMap((chain) => [...(chain?.links.values() ?? [])]))
    for (const [key, chain] of this.#chains) if (!chains.has(chain)) this.#chains.delete(key)
    for (const [registration, compiled] of this.#compiled) {
      for (const [key, link] of compiled) if (!links.has(link)) compiled.delete(key)
      if (compiled.size === 0) this.#compiled.delete(registration)
    }
    this.#reports.clear()
  }

  async #run(): Promise<void> {
    const { registrations, root, active, failures } = this.#state
    // Fastify lets a caller swallow the error of a plugin: the door stays shut nevertheless.
    if (failures.length > 0) throw failures[0]
    if (active) this.#lost()
    const plans = new Planner(this.#state).plans()
    if (!active) return
    this.#missing(this.#state)
    for (const [record, plan] of plans) record.chain = this.#chain(this.#linksOf(record, plan))
    for (const at of [root, ...registrations.keys()]) this.notFoundIn(at)
    for (const scoped of registrations.values()) {
      for (const registration of scoped.values())
        await registration.room?.ready?.(this.#reports.get(registration) ?? [])
    }
  }

  /** The chain of a scope's not-found answers. */
  notFound(request: FastifyRequest): Chain {
    return this.#state.notFound.get(request.server) ?? this.notFoundIn(request.server)
  }

  notFoundIn(scope: object): Chain {
    const chain = this.#chain(this.#notFoundLinks(this.#state, scope))
    this.#state.notFound.set(scope, chain)
    return chain
  }

  #notFoundLinks(state: State, scope: object): Map<string, Link> {
    const links = new Map<string, Link>()
    const held = [...nearest(state, scope)].filter(([, { room }]) => room !== null)
    const policies = new Map(held.map(([concern, { options }]) => [concern, options]))
    for (const [concern, registration] of held)
      links.set(concern, this.#link(registration, policies, { kind: 'not-found', declared: false }))
    return links
  }

  #linksOf(record: RouteRecord, plan: Plan): Map<string, Link> {
    const links = new Map<string, Link>()
    const concerns = [...plan.keys()]
    const policies = new Map([...plan].map(([concern, { policy }]) => [concern, policy]))
    for (const [concern, { registration, policy, declared }] of plan) {
      links.set(concern, this.#link(registration, policies, { kind: 'route', declared }, record))
      for (const method of record.methods)
        this.#report(registration, {
          route: record,
          method,
          url: record.url,
          declared,
          policy: policy as never,
          concerns,
        })
    }
    return links
  }

  #chain(links: ReadonlyMap<string, Link>): Chain {
    const key = [...links.values()].map(({ id }) => id).join()
    const chain = this.#chains.get(key) ?? buildChain(this.#state, links)
    this.#chains.set(key, chain)
    return chain
  }

  #report(registration: Registration, report: RouteReport<never>): void {
    const known = this.#reports.get(registration)
    if (known === undefined) this.#reports.set(registration, [report])
    else known.push(report)
  }

  /** @param policies what holds there, by concern. */
  #link(
    registration: Registration,
    policies: ReadonlyMap<string, Policy>,
    about: Omit<Subject, 'heeded'>,
    record?: RouteRecord,
  ): Link {
    const compiled = this.#compiled.get(registration) ?? new Map<string, Link>()
    this.#compiled.set(registration, compiled)
    const policy = policies.get(registration.concern) as Policy
    const heeded = Object.fromEntries([...policies].filter(([concern]) => registration.heeds.includes(concern)))
    const route = registration.perRoute ? record : undefined
    const at = route === undefined ? '' : this.#numberOf(route)
    const key = `${about.kind} ${about.declared} ${at} ${this.#key(policy)} ${this.#key(heeded)}`
    const known = compiled.get(key)
    if (known !== undefined) return known
    const steps: Steps =
      registration.room?.compile(policy as never, { ...about, heeded, ...(route !== undefined && { route }) }) ?? {}
    const link: Link = { id: this.#links++, registration, policy, steps }
    compiled.set(key, link)
    return link
  }

  #numberOf(record: RouteRecord): number {
    const number = this.#numbers.get(record) ?? this.#numbers.size
    this.#numbers.set(record, number)
    return number
  }

  /** Routes whose config somebody replaced after the kernel had recorded them, or gave to another route too. */
  #lost(): void {
    const lost = this.#state.records.filter(
      (record) => (record.options.config as { [RECORD]?: unknown } | undefined)?.[RECORD] !== record,
    )
    if (lost.length > 0) throw new errors.PTC_ROUTE_RECORD_LOST(lost.map(nameOf).join(', '))
  }

  /** Concerns that registered rooms need and nobody registered. */
  #missing(state: State): void {
    const missing: string[] = []
    for (const [scope, scoped] of state.registrations) {
      const held = nearest(state, scope)
      for (const { concern, requires, room } of scoped.values()) {
        if (room === null) continue
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
