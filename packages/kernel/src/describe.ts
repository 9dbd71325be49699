import type { FastifyInstance } from 'fastify'
import { isPlain } from './copy.ts'
import type { Schema } from './options.ts'
import { camel } from './concern-key.ts'
import { nearest, stateOf, type State } from './state.ts'

/** One route as data. */
export interface RouteDescription {
  readonly method: string
  readonly url: string
  /** Concerns in force, in the order in which they act. */
  readonly chain: readonly string[]
  /** Effective policy by concern (camelCase). Secrets and values without JSON are shown as their kind. */
  readonly policies: Readonly<Record<string, unknown>>
}

/**
 * Every route's chain and effective policy, as data without secrets.
 * @throws PTC_KERNEL_IMPORTED_LATE; call it after `ready`, before it the list is empty.
 */
export function describeSecurity(app: FastifyInstance): RouteDescription[] {
  const state = stateOf(app, true)
  return state.records.flatMap((record) => {
    const { chain } = record
    if (chain === null) return []
    const held = nearest(state, record.scope)
    const policies: Record<string, unknown> = {}
    for (const [concern, { policy, steps }] of chain.links) {
      const told = shown(policy, held.get(concern)?.schema ?? {}) as object
      policies[camel(concern)] = steps.describe === undefined ? told : { ...told, ...steps.describe }
    }
    return record.methods.map((method) => ({ method, url: record.url, chain: chain.concerns, policies }))
  })
}

/**
 * A copy that can be printed: secrets (`writeOnly`), keys, functions, instances, and objects that the schema takes as
 * they come, as their kind.
 */
function shown(value: unknown, schema: Schema): unknown {
  if (schema['writeOnly'] === true) return '[secret]'
  const accepts = schema['accepts'] as readonly string[] | undefined
  if (Array.isArray(value)) return value.map((item) => shown(item, (schema['items'] ?? {}) as Schema))
  if (isPlain(value)) {
    if (accepts !== undefined && schema['properties'] === undefined) return '[object]'
    const properties = (schema['properties'] ?? {}) as Record<string, Schema>
    const rest = (isPlain(schema['additionalProperties']) ? schema['additionalProperties'] : {}) as Schema
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(item, properties[key] ?? rest)]))
  }
  if (typeof value === 'function') return '[function]'
  if (typeof value === 'object' && value !== null) return `[${instanceName(value)}]`
  // What may be a Buffer or a key may be one as text too.
  const key = accepts?.includes('Buffer') === true || accepts?.includes('KeyObject') === true
  return key && typeof value === 'string' ? '[string]' : value
}

function instanceName(value: object): string {
  const { name } = ((value as { constructor?: { name?: unknown } }).constructor ?? {}) as { name?: unknown }
  return typeof name === 'string' && name !== '' ? name : 'object'
}

/** One line at `ready`: the chain, and what is left open. */
export function logChains(state: State): void {
  const routes = state.records.filter(({ chain }) => chain !== null)
  const chains = new Set(routes.map(({ chain }) => chain?.concerns.join(' → ') ?? ''))
  const widest = [...chains, state.notFound.get(state.root)?.concerns.join(' → ') ?? ''].toSorted(
    (a, b) => b.length - a.length,
  )[0]
  state.root.log.info(
    { routes: routes.length, chains: [...chains] },
    `security chain: ${widest === '' ? 'empty' : widest}`,
  )
  if (state.settings === undefined) {
    state.root.log.warn(
      'answers that precede routing (414, 431, parser errors, time-outs) carry no security fields: create the app with Fastify(serverOptions())',
    )
  }
}
