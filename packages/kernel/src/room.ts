import type { FastifyInstance, RouteOptions } from 'fastify'
import type { DescribedErrors } from './errors.ts'
import type { Events } from './event-kinds.ts'
import type { Finding, ObjectSchema } from './options.ts'
import type { Inspection } from './compile-options.ts'
import type { Steps } from './steps.ts'

/** What a policy is compiled for. */
export interface Subject {
  /** `route`: a declared route. `not-found`: whatever URL no route serves (404, preflight to an unknown URL). */
  readonly kind: 'route' | 'not-found'
  /** Whether the route itself wrote a policy for this concern (`config.security.<concern>`). */
  readonly declared: boolean
  /** The effective policies of the concerns that the room heeds; a concern that is off there is absent. */
  readonly heeded: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** The route itself, for rooms that are compiled per route (`perRoute`); absent for `not-found`. */
  readonly route?: DeclaredRoute
}

/** A route as it was declared. */
export interface DeclaredRoute {
  readonly methods: readonly string[]
  readonly url: string
  /** The instance that declared it. */
  readonly scope: FastifyInstance
  readonly options: RouteOptions
}

/** One route, as a room's `ready` sees it. */
export interface RouteReport<Policy> {
  /** The route that `prepare` was shown. Routes of one URL may differ by host and version. */
  readonly route: DeclaredRoute
  readonly method: string
  readonly url: string
  readonly declared: boolean
  readonly policy: Readonly<Policy>
  /** Every concern in force on the route, this one too. */
  readonly concerns: readonly string[]
}

/** What `setup` returns: how a policy becomes steps. */
export interface Room<Policy> {
  /** Called once per distinct policy, after all routes are known. Everything per-request is prepared here. */
  compile(policy: Readonly<Policy>, subject: Subject): Steps
  /**
   * Called once for each route under this registration, whenever either was declared, before Fastify compiles the
   * route's schemas: to complete its options.
   * @param written what the route, or the prefix of its URL, says of the concern; undefined for nothing
   */
  prepare?(route: DeclaredRoute, written: Readonly<Partial<Policy>> | false | undefined): void
  /** Called once at `ready`, with every route under this registration: for lists and warnings. */
  ready?(routes: readonly RouteReport<Policy>[]): void | Promise<void>
  /** Fields for answers that no request object exists for (431, parser errors, time-outs). */
  earlyFields?(encrypted: boolean): Readonly<Record<string, string>>
}

/** A concern, as `defineRoom` takes it. */
export interface RoomDefinition<Options extends object, Route extends object = Options> {
  /** The room's name in the order table, such as `rate-limit`. */
  readonly concern: string
  /** Strict JSON Schema of the registration's options. `enabled` and `reportOnly` are added by the kernel. */
  readonly optionsSchema: ObjectSchema
  /** Strict JSON Schema of `config.security.<concern>`: partial, no defaults. Absent: routes can only say `false`. */
  readonly routeSchema?: ObjectSchema
  readonly errors?: DescribedErrors
  readonly events?: Events<string>
  /** Rules between fields, of the registration's options and of every route's merged policy. */
  check?(options: Readonly<Options & Partial<Route>>): Finding[]
  /**
   * Whether options may be replaced while the app runs (`reconfigure`). Then all that `compile` needs comes from the
   * policy, and what `setup` has opened outlives the options that it was opened with.
   */
  readonly reconfigurable?: boolean
  /** Whether `compile` is called for each route, and shown it, instead of once per distinct policy. */
  readonly perRoute?: boolean
  /**
   * Adds the option `routes` (`PrefixOptions`): policies for routes that write none, by the prefix of their URL. The
   * longest prefix wins; a prefix that no route has is a mistake at boot. Needs a `routeSchema`.
   */
  readonly policiesByPrefix?: boolean
  /** Concerns whose absence in the same scope or above fails boot. */
  requires?(options: Readonly<Options>): readonly string[]
  /**
   * Concerns whose policies `compile` is shown, as data: routes that differ in one of them are compiled apart. Rooms
   * meet here without knowing one another; a room must work as well when nobody registers what it heeds.
   */
  readonly heeds?: readonly string[]
  /** Opens resources, once per registration. `app` is the scope that registered the room. */
  setup(
    options: Readonly<Options>,
    app: FastifyInstance,
  ): Room<Options & Partial<Route>> | Promise<Room<Options & Partial<Route>>>
}

/** Options that every room has. */
export interface RoomOptions {
  /** `false` takes the room's place in this scope without acting. */
  enabled?: boolean
  /** Decide and raise events with outcome `observed`, but let everything pass. */
  reportOnly?: boolean
}

/** Where a room's plugin keeps its definition, for documentation and for `security`. */
export const ROOM: unique symbol = Symbol.for('portcullis.room')

/** Inspects options or policies. */
export type Inspector = (given: unknown) => Inspection<Record<string, unknown>>

/** What a room's plugin tells of itself under `ROOM`. */
export interface RoomPlugin {
  readonly concern: string
  readonly optionsSchema: ObjectSchema
  readonly routeSchema: ObjectSchema | undefined
  readonly errors: DescribedErrors | undefined
  readonly events: Events<string> | undefined
  /** The rules between fields of complete options. */
  check(options: object): Finding[]
}
