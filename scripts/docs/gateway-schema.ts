import type { Schema } from './definition.ts'

type Json = Record<string, unknown>

/** A scalar may be a reference that the gateway follows: `${NAME}`, `${file:path}`. */
const REFERENCE: Json = { type: 'string', pattern: '\\$\\{', description: 'A variable or a file.' }
const TO_REFERENCE: Json = { $ref: '#/$defs/reference' }

/** What only code can be. */
const BY_REFERENCE: ReadonlySet<string> = new Set(['function', 'Buffer', 'KeyObject'])

/** A room as the file of a gateway knows it. */
export interface RoomInFile {
  readonly description: string
  /** What a route may say of it; absent: nothing. */
  readonly routeSchema?: Schema
}

/** Keywords whose value is for our own inspection. */
const OURS: ReadonlySet<string> = new Set(['accepts', 'synonyms', 'examples'])

/** Secrets and keys of examples are made anew with every start, so that nobody's is used. */
function isFresh(schema: Schema): boolean {
  const { writeOnly, items, properties = {} } = schema
  if (writeOnly === true || JSON.stringify((schema as Json)['examples'] ?? null).includes('-----BEGIN')) return true
  return [...(items === undefined ? [] : [items]), ...Object.values(properties)].some(isFresh)
}

/**
 * Our schema of a gateway's file as JSON Schema (draft 2020-12), for editors: `accepts` becomes types, what only code can
 * be is left out, and a reference may stand for any scalar.
 * @param rooms by their keys
 */
export function gatewaySchema(schema: Schema, rooms: Readonly<Record<string, RoomInFile>>): string {
  const whole = convert(schema) as Json & { properties: Record<string, Json> }
  for (const [key, { description }] of Object.entries(rooms)) {
    const on = { description, ...whole.properties[key] }
    whole.properties[key] =
      key === 'gateway' ? on : { description, anyOf: [{ const: false, description: 'Switches the room off.' }, on] }
  }
  const policy = Object.entries(rooms)
    .filter(([, { routeSchema }]) => routeSchema !== undefined)
    .map(([key, { description, routeSchema = {} }]) => [
      key,
      { description, anyOf: [{ const: false, description: 'Switches the room off here.' }, convert(routeSchema)] },
    ])
  const gateway = whole.properties['gateway'] as { properties: { routes: { items: Json } } }
  const route = gateway.properties.routes.items as { properties: { policy: Json } }
  route.properties.policy = {
    ...route.properties.policy,
    additionalProperties: false,
    properties: Object.fromEntries(policy),
  }
  const { properties, ...rest } = whole
  const head = JSON.stringify({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'The file of @portcullis/gateway-server',
    $defs: { reference: REFERENCE },
    ...rest,
  })
  // A line a room: what changed can be seen, and nothing is spent on indentation.
  const rows = Object.entries(properties).map(([name, one]) => `${JSON.stringify(name)}:${JSON.stringify(one)}`)
  return `${head.slice(0, -1)},"properties":{\n${rows.join(',\n')}\n}}\n`
}

function convert(schema: Schema): Json | undefined {
  const types = typesOf(schema)
  if (types?.length === 0) return undefined
  const given = schema as unknown as Json
  const plain: Json = Object.fromEntries(Object.entries(given).filter(([keyword]) => !OURS.has(keyword)))
  const { examples } = given
  if (examples !== undefined && !isFresh(schema)) plain['examples'] = examples
  if (types !== undefined) plain['type'] = types.length === 1 ? types[0] : types
  if (schema.properties !== undefined) plain['properties'] = convertAll(schema.properties)
  if (schema.items !== undefined) plain['items'] = convert(schema.items)
  if (typeof schema.additionalProperties === 'object')
    plain['additionalProperties'] = convert(schema.additionalProperties)
  if (!mayBeReference(types, plain)) return plain
  const { description, default: preset, ...judged } = plain
  return { description, default: preset, anyOf: [judged, TO_REFERENCE] }
}

function convertAll(properties: Readonly<Record<string, Schema>>): Json {
  return Object.fromEntries(
    Object.entries(properties)
      .map(([name, one]) => [name, convert(one)] as const)
      .filter(([, one]) => one !== undefined),
  )
}

/** Undefined: any. */
function typesOf({ accepts, type }: Schema): readonly string[] | undefined {
  if (accepts !== undefined) return accepts.filter((kind) => !BY_REFERENCE.has(kind))
  return type === undefined ? undefined : [type].flat()
}

/** Whether a scalar is judged by more than being a text. */
function mayBeReference(types: readonly string[] | undefined, plain: Json): boolean {
  if (types?.some((type) => ['integer', 'number', 'boolean'].includes(type)) === true) return true
  return ['enum', 'pattern', 'format'].some((keyword) => plain[keyword] !== undefined) && types?.[0] === 'string'
}
