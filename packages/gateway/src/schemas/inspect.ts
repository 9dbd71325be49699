import type { Finding } from '@portcullis/kernel'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { circleIn } from './circles.ts'
import { FORMATS } from './formats.ts'
import { followed, inOptions, isObject, type Place, referred, token, within } from './pointer.ts'
import { type Keywords, walk } from './walk.ts'

/** Keywords of JSON Schema 2020-12 and OpenAPI 3.1 that are heard, or say nothing about a value. */
const KNOWN: ReadonlySet<string> = new Set(
  [
    '$ref $defs $comment $schema definitions allOf anyOf oneOf not if then else dependentSchemas prefixItems items contains',
    'properties patternProperties additionalProperties propertyNames unevaluatedItems unevaluatedProperties type enum',
    'const multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems',
    'uniqueItems maxContains minContains maxProperties minProperties required dependentRequired format title description',
    'default deprecated readOnly writeOnly example examples xml externalDocs discriminator contentEncoding',
    'contentMediaType contentSchema',
  ].flatMap((line) => line.split(' ')),
)

/** The dialects that schemas are read in: JSON Schema 2020-12, and OpenAPI's own, which adds annotations. */
export const DIALECTS: readonly string[] = [
  'https://json-schema.org/draft/2020-12/schema',
  'https://json-schema.org/draft/2020-12/schema#',
  'https://spec.openapis.org/oas/3.1/dialect/base',
]

const meta = new Ajv2020({ allErrors: true, strict: false, logger: false })

/**
 * Finds what a schema, and whatever it refers to, asks that is not checked: nothing of a schema is passed over.
 * @param seen schemas that were told of already
 */
export function inspectSchema(start: Place, seen: Set<string>): Finding[] {
  const findings: Finding[] = []
  if (start.value === undefined) return [missing(start)]
  const wholes: Place[] = [start]
  const all: Place[] = []
  walk(
    start,
    (schema, place, part) => {
      findings.push(...inspectOne(schema, place, part))
      all.push(place)
      const target = referred(place, schema['$ref'])
      if (target !== null) wholes.push(target)
    },
    seen,
  )
  if (findings.length > 0) return findings
  const circle = circleIn(all)
  if (circle !== null) return [circular(circle)]
  return wholes.flatMap(malformed)
}

function circular(place: Place): Finding {
  const at = `${inOptions(place)}/$ref`
  const message = 'leads back to itself within the same value, so that judging one would not end; remove it'
  return { at, rule: 'reference-circular', message, fix: [{ op: 'remove', path: at }] }
}

const missing = (place: Place): Finding => {
  const at = inOptions(place)
  return { at, rule: 'schema-missing', message: 'is no schema; write {}', fix: [{ op: 'add', path: at, value: {} }] }
}

/** Where a schema breaks the rules of schemas. */
function malformed(place: Place): Finding[] {
  const schema = place.value
  if (typeof schema === 'boolean') return []
  if (!isObject(schema)) return [missing(place)]
  const { $schema: _dialect, ...words } = schema
  if (meta.validateSchema(words) === true) return []
  return (meta.errors ?? []).slice(0, 1).map(({ instancePath, message }) => {
    const at = `${inOptions(place)}${instancePath}`
    return {
      at,
      rule: 'schema-malformed',
      message: `${message ?? 'is no schema'} (JSON Schema 2020-12)`,
      fix: [instancePath === '' ? { op: 'replace', path: at, value: {} } : { op: 'remove', path: at }],
    }
  })
}

function inspectOne(schema: Keywords, place: Place, part: boolean): Finding[] {
  const here = inOptions(place)
  const findings: Finding[] = []
  const tell = (word: string, rule: string, message: string, fix?: Finding['fix']): void => {
    const at = `${here}/${token(word)}`
    findings.push({ at, rule, message, fix: fix ?? [{ op: 'remove', path: at }] })
  }
  for (const word of Object.keys(schema)) {
    if (word === 'nullable') {
      const type = [schema['type'] ?? []].flat()
      tell('nullable', 'keyword-unsupported', "is OpenAPI 3.0; write 'null' among the types", [
        { op: 'remove', path: `${here}/nullable` },
        ...(schema['nullable'] === true && type.length > 0 && !type.includes('null')
          ? [{ op: 'replace', path: `${here}/type`, value: [...type, 'null'] } as const]
          : []),
      ])
    } else if (!KNOWN.has(word) && !word.startsWith('x-')) {
      tell(word, 'keyword-unsupported', 'is a keyword that is not checked here; remove it')
    }
  }
  const { $ref, $schema, format, pattern, patternProperties, discriminator } = schema
  if ($ref !== undefined) {
    const target = referred(place, $ref)
    if (target === null) {
      tell('$ref', 'reference-remote', 'leads out of the document, and nothing is fetched; bring the schema in')
    } else if (target.value === undefined || followed(place) === null) {
      tell('$ref', 'reference-unresolved', 'leads nowhere in the document; write the schema that is meant')
    }
  }
  if ($schema !== undefined && !DIALECTS.includes($schema as string)) {
    tell('$schema', 'dialect-unsupported', 'is another dialect than JSON Schema 2020-12; remove it')
  }
  if (typeof format === 'string' && !FORMATS.has(format)) {
    tell('format', 'format-unsupported', 'is a format that is not checked here; remove it, and write a pattern')
  }
  if (typeof pattern === 'string' && !isPattern(pattern)) {
    tell('pattern', 'pattern-malformed', 'is no regular expression with the flag u; mend it, or remove it')
  }
  for (const name of isObject(patternProperties) ? Object.keys(patternProperties) : []) {
    if (isPattern(name)) continue
    const at = inOptions(within(place, 'patternProperties', name))
    const message = 'is named by no regular expression with the flag u; mend it, or remove it'
    findings.push({ at, rule: 'pattern-malformed', message, fix: [{ op: 'remove', path: at }] })
  }
  if (discriminator !== undefined) {
    const fault = discriminatorFault(schema, part)
    if (fault !== null) tell('discriminator', 'discriminator-unsupported', `${fault}; remove it`)
  }
  return findings
}

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp
  } catch {
    return false
  }
}

function discriminatorFault({ discriminator, oneOf, anyOf }: Keywords, part: boolean): string | null {
  if (!isObject(discriminator) || typeof discriminator['propertyName'] !== 'string') return 'names no property'
  const branches = oneOf ?? anyOf
  // A part that says how its wholes are told apart asks nothing itself.
  if (branches === undefined) return part ? null : 'chooses among schemas that neither oneOf nor anyOf beside it lists'
  const named = Array.isArray(branches) && branches.every((one) => isObject(one) && typeof one['$ref'] === 'string')
  return named ? null : 'chooses among schemas of which some have no name: only $ref may stand in its list'
}
