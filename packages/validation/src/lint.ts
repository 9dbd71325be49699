import { referred, type SharedSchemas } from './dialect.ts'

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

/** What a schema is judged with. */
interface LintOptions {
  readonly open?: boolean
  readonly shared?: SharedSchemas
  readonly formats?: readonly string[]
}

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

/** Keywords that hold a schema or, of tuples, a list of them. */
const ITEMS = ['items', 'prefixItems']
/** Keywords that hold a schema of values of their own. */
const HOLDING = ['additionalItems', 'unevaluatedItems', 'additionalProperties', 'unevaluatedProperties', 'contains']
const COMBINING = ['$ref', '$dynamicRef', 'anyOf', 'oneOf', 'allOf', 'not', 'if', 'enum', 'const']

/**
 * Holds a schema to what keeps its values bounded: objects closed, strings, arrays and numbers with bounds, patterns that
 * do not backtrack, formats that somebody checks.
 * @param about.open whether objects may hold more than they name: header fields and answers
 * @param about.shared schemas that `$ref` may name: looked through where they are named
 * @param about.formats that are checked beside the usual ones
 */
export function lintSchema(
  schema: unknown,
  judge: Judge,
  { open = false, shared = {}, formats = [] }: LintOptions = {},
): SchemaFinding[] {
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
    // Parts of one whole: none of them can be closed by itself, and one that is closes the whole.
    const parts = [one['allOf'] ?? []].flat().map((part) => referred((part as Schema | null)?.['$ref'], shared) ?? part)
    const object = types.includes('object') || 'properties' in one || parts.some(isObject)
    if (object && !partial && !open && !isClosed(one) && !parts.some(isClosedPart)) {
      const word = closing(one)
      const value = word === 'maxProperties' ? 100 : false
      tell('object-open', `takes members that it does not name; add ${word}: ${value}`, { [word]: value })
    }
    if (types.includes('array') && one['maxItems'] === undefined)
      tell('array-unbounded', 'has no maxItems', { maxItems: 100 })
    if (types.includes('string') && !fixed) string(one, tell)
    for (const pattern of Object.keys((one['patternProperties'] ?? {}) as object)) backtracking(pattern, false, tell)
    const bounds = (low: string, high: string): boolean => [low, high].some((word) => typeof one[word] === 'number')
    const number = types.includes('number') || types.includes('integer')
    if (number && !fixed && !(bounds('minimum', 'exclusiveMinimum') && bounds('maximum', 'exclusiveMaximum')))
      tell('number-unranged', 'has no minimum and maximum', { minimum: 0, maximum: 1_000_000 })

    for (const [word, value] of Object.entries(one)) {
      const inner = `${at}/${word}`
      if (['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'].includes(word)) {
        for (const [name, property] of Object.entries((value ?? {}) as object))
          visit(property, `${inner}/${escaped(name)}`, word === 'dependentSchemas')
      } else if (['anyOf', 'oneOf'].includes(word) && Array.isArray(value)) {
        // Choices beside members of their own are parts of the whole too, which says itself what it takes.
        for (const [i, each] of value.entries()) visit(each, `${inner}/${i}`, partial || object)
      } else if (word === 'allOf' && Array.isArray(value)) {
        for (const [i, each] of value.entries()) visit(each, `${inner}/${i}`, true)
      } else if (ITEMS.includes(word)) {
        for (const [i, each] of [value].flat().entries())
          visit(each, Array.isArray(value) ? `${inner}/${i}` : inner, false)
      } else if (HOLDING.includes(word)) visit(value, inner, false)
      else if (['if', 'then', 'else', 'not'].includes(word)) visit(value, inner, true)
      else if (word === 'propertyNames' && typeof value === 'object' && value !== null) names(value as Schema, inner)
      else if (word === '$ref') visit(referred(value, shared), inner, partial)
    }
  }

  function string(one: Schema, tell: (rule: SchemaRule, message: string, add?: Schema) => void): void {
    const { format, pattern, maxLength } = one
    if (typeof format === 'string' && !FORMATS.has(format) && !formats.includes(format))
      tell('format-unknown', `has the format ${format}, which is not checked; add it by the option \`ajv\``)
    if (maxLength === undefined && !BOUNDED.includes(format as string))
      tell('string-unbounded', 'has no maxLength', { maxLength: 200 })
    if (typeof pattern === 'string') backtracking(pattern, typeof maxLength === 'number' && maxLength <= SHORT, tell)
  }

  /** Names are texts that the client chose too. */
  function names({ pattern, maxLength }: Schema, at: string): void {
    if (typeof pattern !== 'string') return
    const short = typeof maxLength === 'number' && maxLength <= SHORT
    backtracking(pattern, short, (rule, message) => void findings.push({ at, rule, message }))
  }

  function backtracking(pattern: string, short: boolean, tell: (rule: SchemaRule, message: string) => void): void {
    const behaves = judge(pattern)
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

/** A map of bounded size is closed too; one of patterns takes any number of names. */
function isClosed(one: Schema): boolean {
  const { additionalProperties, unevaluatedProperties, maxProperties, patternProperties } = one
  const says = (word: unknown): boolean => word === false || typeof word === 'object'
  if (typeof maxProperties === 'number') return says(additionalProperties) || says(unevaluatedProperties)
  if (typeof patternProperties === 'object') return false
  return additionalProperties === false || unevaluatedProperties === false
}

const isObject = (part: unknown): boolean =>
  typeof part === 'object' && part !== null && ((part as Schema)['type'] === 'object' || 'properties' in part)

const isClosedPart = (part: unknown): boolean => isObject(part) && isClosed(part as Schema)

/** What closes an object: `additionalProperties` does not see the members that its parts name. */
const closing = (one: Schema): string =>
  typeof one['patternProperties'] === 'object'
    ? 'maxProperties'
    : ['allOf', 'anyOf', 'oneOf', '$ref', 'if'].some((word) => word in one)
      ? 'unevaluatedProperties'
      : 'additionalProperties'
