import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { refuseToBoot } from './boot.ts'
import { compileOptions, type Inspection } from './compile-options.ts'
import { errors } from './kernel-errors.ts'
import type { Finding, ObjectSchema, Schema } from './options.ts'
import { concerns } from './order.ts'
import { checkPrefixes, type PrefixOptions, prefixPoliciesOf, prefixSchema } from './prefix-options.ts'
import { prepare } from './record.ts'
import { ROOM, type Inspector, type RoomDefinition, type RoomOptions, type RoomPlugin } from './room.ts'
import { nearest, stateOf, type Registration, type State } from './state.ts'

/** Options of every room, added to its schemas. */
const everyRoom = {
  enabled: {
    type: 'boolean',
    default: true,
    description: "`false` takes the room's place in this scope without acting.",
  },
  reportOnly: {
    type: 'boolean',
    default: false,
    description: 'Decide and raise events with outcome `observed`, but let everything pass.',
  },
} as const

function withEveryRoom(schema: ObjectSchema, names: readonly (keyof typeof everyRoom)[]): ObjectSchema {
  return withProperties(schema, Object.fromEntries(names.map((name) => [name, everyRoom[name]])))
}

function withProperties(schema: ObjectSchema, added: Readonly<Record<string, Schema>>): ObjectSchema {
  return { ...schema, properties: { ...schema.properties, ...added } }
}

/**
 * Makes a Fastify plugin of a concern. The plugin validates its options before anything else, records its
 * registration, and opens its resources; the kernel compiles policies at `ready` and runs the steps.
 * @throws PTC_ROOM_UNKNOWN if the concern has no place in the order table.
 */
export function defineRoom<Options extends object, Route extends object = Options>(
  definition: RoomDefinition<Options, Route>,
): FastifyPluginAsync<Options & RoomOptions> {
  const { concern } = definition
  if (!concerns.has(concern)) throw new errors.PTC_ROOM_UNKNOWN(concern)
  const name = `@portcullis/${concern}`
  const routeSchema = definition.routeSchema && withEveryRoom(definition.routeSchema, ['reportOnly'])
  const byPrefix = definition.policiesByPrefix === true && routeSchema !== undefined
  const optionsSchema = withEveryRoom(
    byPrefix
      ? withProperties(definition.optionsSchema, { routes: prefixSchema(routeSchema) })
      : definition.optionsSchema,
    ['enabled', 'reportOnly'],
  )

  const rules = definition.check as ((options: object) => Finding[]) | undefined
  const check = byPrefix ? (options: object) => [...checkPrefixes(options), ...(rules?.(options) ?? [])] : rules
  const inspect = compileOptions<Options & RoomOptions>(optionsSchema, check)
  const crossed = rulesOnly(rules)
  const route = routeSchema && compileOptions<Record<string, unknown>>(routeSchema, undefined, { defaults: false })

  async function plugin(app: FastifyInstance, given: unknown): Promise<void> {
    const state = stateOf(app, true)
    try {
      await register(state, app, given)
    } catch (error) {
      state.failures.push(error)
      throw error
    }
  }

  async function register(state: State, app: FastifyInstance, given: unknown): Promise<void> {
    const scoped = state.registrations.get(app) ?? new Map<string, Registration>()
    if (scoped.has(concern)) throw new errors.PTC_ROOM_DUPLICATE(name)
    const registration = declare(app, given)
    state.registrations.set(app, scoped.set(concern, registration))
    state.active = true
    registration.room = await open(registration)
    if (registration.room?.prepare === undefined) return
    // Routes that were declared earlier, here and in scopes inside this one.
    for (const record of state.records)
      if (nearest(state, record.scope).get(concern) === registration) prepare(registration, record)
  }

  /** A registration of validated options, without its room. */
  function declare(app: FastifyInstance, given: unknown): Registration {
    const { options, mistakes } = inspect(withoutRegisterOptions(given))
    if (options === undefined) refuseToBoot(`the options of ${name}`, mistakes)
    return {
      concern,
      scope: app,
      options: options as Readonly<Record<string, unknown>>,
      route,
      check: crossed,
      schema: optionsSchema,
      requires: definition.requires?.(options) ?? [],
      byPrefix: byPrefix ? prefixPoliciesOf(options as PrefixOptions<object>) : [],
      heeds: definition.heeds ?? [],
      perRoute: definition.perRoute ?? false,
      room: null,
      renew: definition.reconfigurable === true ? renew : undefined,
    }
  }

  async function open({ options, scope }: Registration): Promise<Registration['room']> {
    if (options['enabled'] === false) return null
    return (await definition.setup(options as Readonly<Options>, scope)) as Registration['room']
  }

  async function renew(this: Registration, given: unknown): Promise<Registration> {
    const next = declare(this.scope, given)
    if (next.options['enabled'] !== false) next.room = this.room ?? (await open(next))
    return next
  }

  const room: RoomPlugin = {
    concern,
    optionsSchema,
    routeSchema,
    errors: definition.errors,
    events: definition.events,
    check: (options) => check?.(options) ?? [],
  }
  const wrapped = fp(plugin, { name, fastify: '>=5.12.1' })
  return Object.defineProperty(wrapped, ROOM, { value: room }) as unknown as FastifyPluginAsync<Options & RoomOptions>
}

/** A merged policy is well-formed already: only the rules between fields can break. */
function rulesOnly(check: ((options: object) => Finding[]) | undefined): Inspector {
  const anything: ObjectSchema = { type: 'object', additionalProperties: {} }
  return compileOptions<Record<string, unknown>>(anything, check, { defaults: false }) as (
    given: unknown,
  ) => Inspection<Record<string, unknown>>
}

/** `fastify.register` and autoload hand these to every plugin; an empty prefix says nothing. */
function withoutRegisterOptions(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given
  const { prefix, logLevel: _level, logSerializers: _serializers, ...rest } = given as Record<string, unknown>
  return prefix === undefined || prefix === '' || prefix === '/' ? rest : { ...rest, prefix }
}
