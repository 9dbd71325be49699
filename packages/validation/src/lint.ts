/** One place of a schema that leaves more open than it seems. */
export interface SchemaFinding {
  /** JSON Pointer into the schema. */
  readonly at: string
  readonly rule: SchemaRule
  readonly message: string
  /** A keyword that closes it, where one does. */
  readonly add?: Readonly<Record<string, unknown>>
}

/** What a schema is held to. */
export type SchemaRule =
  | 'object-open'
  | 'array-unbounded'
  | 'string-unbounded'
  | 'number-unranged'
  | 'untyped'
  | 'pattern-backtracks'
  | 'format-unknown'

/** How a pattern behaves on the worst of its inputs. */
export type Judge = (pattern: string) => 'safe' | 'polynomial' | 'exponential' | 'unknown'

type Schema = Readonly<Record<string, unknown>>

/** Formats whose texts have a length of their own. */
const BOUNDED = ['date', 'time', 'date-time', 'iso-time', 'iso-date-time', 'duration', 'ipv4', 'ipv6', 'uuid']
const LONG = [
  'uri uri-reference uri-template url email hostname regex json-pointer relative-json-pointer',
  'byte int32 int64 float double password binary',
].flatMap((line) => line.split(' '))
const FORMATS: ReadonlySet<string> = new Set([...BOUNDED, ...LONG])
/** A polynomial pattern on a text of this length is still quick. */
const SHORT = 256

const COMBINING = ['$ref', '$dynamicRef', 'anyOf', 'oneOf', 'allOf', 'not', 'if', 'enum', 'const']

/**
 * Holds a schema to what keeps its values bounded: objects closed, strings, arrays and numbers with bounds, patterns that
 * do not backtrack, formats that somebody checks.
 * @param open whether objects may hold more than they name: header fields and answers
 */
export function lintSchema(schema: unknown, judge: Judge, open = false): SchemaFinding[] {
  const findings: SchemaFinding[] = []
  const seen = new Set<unknown>()

  function visit(given: unknown, at: string, partial: boolean): void {
    if (typeof given !== 'object' || given === null || seen.has(given)) return
    seen.add(given)
    const one = given as Schema
    const types = [one['type']].flat()
    const fixed = 'enum' in one || 'const' in one
    const tell = (rule: SchemaRule, message: string, add?: Schema): void =>
      void findings.push({ at, rule, message, ...(add !== undefined && { add }) })

    if (one['type'] === undefined && !partial && !COMBINING.some((word) => word in one) && !('properties' in one))
      tell('untyped', 'has no type: everything matches it')
    if ((types.includes('object') || 'properties' in one) && !partial && !open && !isClosed(one))
      tell('object-open', 'takes members that it does not name; add additionalProperties: false', {
        additionalProperties: false,
      })
    if (types.includes('array') && one['maxItems'] === undefined)
      tell('array-unbounded', 'has no maxItems', { maxItems: 100 })
    if (types.includes('string') && !fixed) string(one, tell)
    const bounds = (low: string, high: string): boolean => [low, high].some((word) => typeof one[word] === 'number')
    const number = types.includes('number') || types.includes('integer')
    if (number && !fixed && !(bounds('minimum', 'exclusiveMinimum') && bounds('maximum', 'exclusiveMaximum')))
      tell('number-unranged', 'has no minimum and maximum', { minimum: 0, maximum: 1_000_000 })

    for (const [word, value] of Object.entries(one)) {
      const inner = `${at}/${word}`
      if (['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'].includes(word)) {
        for (const [name, property] of Object.entries((value ?? {}) as object))
          visit(property, `${inner}/${escaped(name)}`, false)
      } else if (['anyOf', 'oneOf', 'prefixItems'].includes(word) && Array.isArray(value)) {
        for (const [i, each] of value.entries()) visit(each, `${inner}/${i}`, false)
      } else if (word === 'allOf' && Array.isArray(value)) {
        // Parts of one whole: none of them can be closed by itself.
        for (const [i, each] of value.entries()) visit(each, `${inner}/${i}`, true)
      } else if (['items', 'additionalProperties', 'unevaluatedProperties', 'contains'].includes(word))
        visit(value, inner, false)
      else if (['if', 'then', 'else', 'not'].includes(word)) visit(value, inner, true)
    }
  }

  function string(one: Schema, tell: (rule: SchemaRule, message: string, add?: Schema) => void): void {
    const { format, pattern, maxLength } = one
    if (typeof format === 'string' && !FORMATS.has(format))
      tell('format-unknown', `has the format ${format}, which is not checked`)
    if (maxLength === undefined && !BOUNDED.includes(format as string))
      tell('string-unbounded', 'has no maxLength', { maxLength: 200 })
    if (typeof pattern !== 'string') return
    const behaves = judge(pattern)
    const short = typeof maxLength === 'number' && maxLength <= SHORT
    if (behaves === 'exponential' || (behaves === 'polynomial' && !short))
      tell(
        'pattern-backtracks',
        `has a pattern that takes ${behaves} time on some texts; write it without nested or adjacent repetitions`,
      )
    else if (behaves === 'unknown')
      tell('pattern-backtracks', 'has a pattern that could not be checked for backtracking')
  }

  visit(schema, '', false)
  return findings
}

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')

/** A map of bounded size is closed too. */
function isClosed(one: Schema): boolean {
  const { additionalProperties, unevaluatedProperties, maxProperties } = one
  if (additionalProperties === false || unevaluatedProperties === false) return true
  return typeof additionalProperties === 'object' && typeof maxProperties === 'number'
}
