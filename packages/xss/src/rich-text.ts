import type { Profile } from './profiles.ts'
import { sanitizeHtml } from './sanitize.ts'

/** JSON Schema, as far as it is read here. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** Returns a value with its rich text sanitised: the same value if it holds none. */
export type Transform = (value: unknown) => unknown

/** Where a schema is read. */
export interface Reading {
  /** The profile of rich text that names none. */
  readonly profile: Profile
  /** Shared schemas by `$id`. */
  readonly shared: Readonly<Record<string, unknown>>
  /** Called for a `contentMediaType` whose profile is none; throws. */
  unknownProfile(mediaType: string): never
  /** Called for rich text that is encoded, which no sanitizer reads; throws. */
  encoded(encoding: string): never
  /** Called for a `$ref` that leads nowhere; throws. */
  unresolved(ref: string): never
}

/** `contentMediaType` of JSON Schema (draft-07 §8.4) is how a schema says that a string holds HTML. */
const RICH = /^text\/html[ \t]*(?:;(.*))?$/i
const PROFILE = /(?:^|;)[ \t]*profile="?([^";\s]*)"?[ \t]*(?:;|$)/i

/** RFC 2045 §6.2: encodings under which text is itself. */
const IDENTITY = /^(?:7bit|8bit|binary)$/i

/** Whether an object has words for itself. Dates have their own in JSON. */
function callsItself(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || value instanceof Date) return false
  const { toString } = value as { toString?: unknown }
  return typeof toString === 'function' && toString !== Object.prototype.toString
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The keyword that says what a string holds. */
export const RICH_TEXT = 'contentMediaType'

/** Whether any part of a schema has a member of this name. */
export function hasMember(schema: unknown, name: string): boolean {
  // Schemas may hold one another.
  const reached = new Set([schema])
  for (const one of reached) {
    if (!isJson(one)) continue
    if (Object.hasOwn(one, name)) return true
    for (const member of Object.values(one)) reached.add(member)
  }
  return false
}

/** What JSON has members for; a schema of another make is no JSON Schema. */
function isJson(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const made = Object.getPrototypeOf(value) as object | null
  return Array.isArray(value) || made === null || Object.getPrototypeOf(made) === null
}

/**
 * Compiles what a response schema says of rich text: each string with `contentMediaType: 'text/html'` is sanitised,
 * with the profile that a parameter names (`text/html; profile=article`).
 * @returns null where the schema holds no rich text
 */
export function compileRichText(schema: unknown, reading: Reading): Transform | null {
  return new Compiler(reading).compile(schema, schema)
}

class Compiler {
  readonly #reading: Reading
  /** Null while it is being compiled: a schema may hold itself. */
  readonly #known = new Map<unknown, { run: Transform | null }>()
  #marked = false

  constructor(reading: Reading) {
    this.#reading = reading
  }

  compile(schema: unknown, document: unknown): Transform | null {
    const run = this.#compile(schema, document)
    return this.#marked ? run : null
  }

  #compile(schema: unknown, document: unknown): Transform | null {
    if (!isObject(schema)) return null
    const known = this.#known.get(schema)
    if (known !== undefined) return known.run ?? ((value) => (known.run === null ? value : known.run(value)))
    const place: { run: Transform | null } = { run: null }
    this.#known.set(schema, place)
    const transforms = [
      this.#string(schema),
      this.#referred(schema, document),
      this.#object(schema, document),
      this.#array(schema, document),
      ...['anyOf', 'oneOf', 'allOf'].flatMap((keyword) =>
        (Array.isArray(schema[keyword]) ? schema[keyword] : []).map((one) => this.#compile(one, document)),
      ),
      ...['if', 'then', 'else'].map((keyword) => this.#compile(schema[keyword], document)),
    ].filter((transform) => transform !== null)
    place.run = inTurn(transforms)
    return place.run
  }

  #string(schema: JsonSchema): Transform | null {
    const mediaType = schema[RICH_TEXT]
    const rich = typeof mediaType === 'string' ? RICH.exec(mediaType.trim()) : null
    if (rich === null) return null
    const profile = PROFILE.exec(rich[1] ?? '')?.[1] ?? this.#reading.profile
    if (profile !== 'text' && profile !== 'basic' && profile !== 'article')
      return this.#reading.unknownProfile(String(mediaType))
    const encoding = schema['contentEncoding']
    if (typeof encoding === 'string' && !IDENTITY.test(encoding)) return this.#reading.encoded(encoding)
    this.#marked = true
    const isWritten = [schema['type']].flat().includes('string')
    const sanitised: Transform = (value) => {
      if (typeof value === 'string') return sanitizeHtml(value, { profile })
      // Where a schema says string, the serializer writes a list, bytes and other objects as what they call themselves.
      if (Array.isArray(value)) return value.map(sanitised)
      return isWritten && callsItself(value) ? sanitizeHtml(String(value), { profile }) : value
    }
    return sanitised
  }

  #referred(schema: JsonSchema, document: unknown): Transform | null {
    const ref = schema['$ref']
    if (typeof ref !== 'string') return null
    const [id = '', pointer = ''] = ref.split('#')
    const target = id === '' ? document : this.#identified(id, document)
    const found =
      pointer === '' || pointer.startsWith('/') ? follow(target, pointer) : identified(target, `#${pointer}`)
    return found === undefined ? this.#reading.unresolved(ref) : this.#compile(found, target)
  }

  #identified(id: string, document: unknown): unknown {
    const { shared } = this.#reading
    const direct = Object.hasOwn(shared, id) ? shared[id] : shared[`${id}#`]
    return direct ?? identified([document, shared], id)
  }

  #object(schema: JsonSchema, document: unknown): Transform | null {
    const own = compiled(schema['properties'], (one) => this.#compile(one, document))
    const patterns = compiled(schema['patternProperties'], (one) => this.#compile(one, document)).map(
      ([pattern, transform]) => [regExpOf(pattern), transform] as const,
    )
    const others = this.#compile(schema['additionalProperties'], document)
    if (own.length === 0 && patterns.length === 0 && others === null) return null
    const named = new Set(Object.keys(isObject(schema['properties']) ? schema['properties'] : {}))
    return (given) => {
      const value = plainest(given)
      if (!isObject(value)) return value
      let copy: Record<string, unknown> | undefined
      const set = (name: string, transform: Transform): void => {
        const before = value[name]
        const after = transform(copy?.[name] ?? before)
        if (after !== before) define((copy ??= copyOf(value)), name, after)
      }
      for (const [name, transform] of own) set(name, transform)
      if (patterns.length === 0 && others === null) return copy ?? value
      for (const name of Object.keys(value)) {
        const matching = patterns.filter(([pattern]) => pattern.test(name))
        for (const [, transform] of matching) set(name, transform)
        if (others !== null && matching.length === 0 && !named.has(name)) set(name, others)
      }
      return copy ?? value
    }
  }

  #array(schema: JsonSchema, document: unknown): Transform | null {
    const { items, prefixItems } = schema
    // JSON Schema 2020-12 calls prefixItems and items what was items and additionalItems before.
    const first = [prefixItems, items].find((some) => Array.isArray(some)) as unknown[] | undefined
    const tuple = first?.map((one) => this.#compile(one, document)) ?? []
    const others = this.#compile(Array.isArray(items) ? schema['additionalItems'] : items, document)
    if (others === null && tuple.every((one) => one === null)) return null
    return (given) => {
      const value = plainest(given)
      if (!Array.isArray(value)) return value
      return value.map((one: unknown, index) => (index < tuple.length ? tuple[index] : others)?.(one) ?? one)
    }
  }
}

function inTurn(transforms: readonly Transform[]): Transform | null {
  if (transforms.length < 2) return transforms[0] ?? null
  return (value) => transforms.reduce((current, transform) => transform(current), value)
}

function compiled(schemas: unknown, compile: (schema: unknown) => Transform | null): (readonly [string, Transform])[] {
  return Object.entries(isObject(schemas) ? schemas : {}).flatMap(([name, schema]) => {
    const transform = compile(schema)
    return transform === null ? [] : [[name, transform] as const]
  })
}

/** What the serializer will see. */
const plainest = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && typeof (value as { toJSON?: unknown }).toJSON === 'function'
    ? (value as { toJSON(): unknown }).toJSON()
    : value

/** What was stored stays as it was written. Instances of classes keep their getters. */
function copyOf(value: Record<string, unknown>): Record<string, unknown> {
  const copy = Object.create(Object.getPrototypeOf(value) as object | null) as Record<string, unknown>
  for (const [name, one] of Object.entries(value)) define(copy, name, one)
  return copy
}

/** What is read may be a getter, which takes no assignment. */
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true })
}

/** RFC 6901. */
function follow(document: unknown, pointer: string): unknown {
  let at = document
  for (const token of pointer.split('/').slice(1)) {
    const name = decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

/** The schema of this `$id` within others. */
function identified(within: unknown, id: string): unknown {
  const reached = new Set([within])
  for (const one of reached) {
    if (!isJson(one)) continue
    const { $id, $anchor } = one as { $id?: unknown; $anchor?: unknown }
    if ($id === id || $id === `${id}#` || (typeof $anchor === 'string' && `#${$anchor}` === id)) return one
    for (const member of Object.values(one)) reached.add(member)
  }
  return undefined
}

/** Ajv reads patterns by code points; the serializer takes those too that are none then. */
function regExpOf(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'u')
  } catch {
    return new RegExp(pattern)
  }
}
