type Schema = Readonly<Record<string, unknown>>

/** Keywords that name members by their keys. */
const NAMING: ReadonlySet<string> = new Set(['properties', 'dependencies', 'dependentRequired', 'dependentSchemas'])
/** Keywords whose keys are names of schemas, or patterns. */
const KEYED: ReadonlySet<string> = new Set(['patternProperties', '$defs', 'definitions'])
const DATA: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples'])

const isList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((name) => typeof name === 'string')

function mapped(value: unknown, name: (key: string) => string, inner: (value: unknown) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [name(key), inner(one)]))
}

/**
 * A schema of header fields whose names are in lower case, wherever it names one: so Node hands fields over (RFC 9110 §5.1).
 * Fastify does as much, for its own validator alone.
 */
export function lowerCased(schema: unknown, ofNames = false): unknown {
  const inside = (value: unknown): unknown => lowerCased(value, ofNames)
  const lower = (names: unknown): unknown => (isList(names) ? names.map((name) => name.toLowerCase()) : inside(names))
  if (Array.isArray(schema)) return schema.map(inside)
  if (typeof schema !== 'object' || schema === null) return schema
  const entries = Object.entries(schema as Schema).map(([word, value]) => {
    if (word === 'required') return [word, lower(value)]
    if (NAMING.has(word)) return [word, mapped(value, (name) => name.toLowerCase(), lower)]
    if (KEYED.has(word)) return [word, mapped(value, (name) => name, inside)]
    if (word === 'propertyNames') return [word, lowerCased(value, true)]
    if (ofNames && word === 'const' && typeof value === 'string') return [word, value.toLowerCase()]
    if (DATA.has(word)) return [word, ofNames && isList(value) ? lower(value) : value]
    return [word, inside(value)]
  })
  return Object.fromEntries(entries)
}
