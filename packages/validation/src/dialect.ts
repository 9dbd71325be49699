/** Schemas that `$ref` may name. */
export type SharedSchemas = Readonly<Record<string, unknown>>

/** Keywords that are new in 2019-09 and 2020-12. */
const NEW: ReadonlySet<string> = new Set([
  'prefixItems',
  'unevaluatedProperties',
  'unevaluatedItems',
  'dependentSchemas',
  'dependentRequired',
  'minContains',
  'maxContains',
  '$dynamicRef',
  '$dynamicAnchor',
  '$anchor',
])

/** Keywords whose value holds schemas under names of its own, and those whose value is no schema. */
const NAMED: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  '$defs',
  'definitions',
  'dependentSchemas',
])
const DATA: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples'])

/** Whether a schema, or one that it refers to, is of the draft 2020-12: by its `$schema`, or by a keyword that is new in it. */
export function isOf2020(schema: unknown, shared: SharedSchemas = {}, seen = new Set<unknown>()): boolean {
  if (typeof schema !== 'object' || schema === null || seen.has(schema)) return false
  seen.add(schema)
  const { $schema } = schema as { $schema?: unknown }
  if (typeof $schema === 'string') return $schema.includes('2020-12')
  return Object.entries(schema).some(([word, value]) => {
    if (NEW.has(word)) return true
    if (DATA.has(word)) return false
    if (word === '$ref') return isOf2020(referred(value, shared), shared, seen)
    if (NAMED.has(word)) return Object.values((value ?? {}) as object).some((one) => isOf2020(one, shared, seen))
    return isOf2020(value, shared, seen)
  })
}

/** The shared schema that a reference names: what stands before its `#`. */
export function referred(ref: unknown, shared: SharedSchemas): unknown {
  if (typeof ref !== 'string') return undefined
  const id = ref.split('#', 1)[0] as string
  return id === '' ? undefined : shared[id]
}
