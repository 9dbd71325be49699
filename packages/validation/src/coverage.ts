import { inspect } from 'node:util'
import type { Mistake, Operation } from '@portcullis/kernel'
import type { SharedSchemas } from './dialect.ts'
import { gapsOf, possibleParts, type Declared } from './declared.ts'
import { lintSchema, type Judge, type SchemaFinding } from './lint.ts'
import type { Part, ValidationOptions } from './options.ts'
import { isStandard, jsonSchemaOf } from './standard.ts'

/** One route and what holds there. */
export interface Covered {
  readonly declared: Declared
  readonly options: Readonly<ValidationOptions>
  /** Schemas that those of the route may refer to. */
  readonly shared: () => SharedSchemas
}

/** How a part is named in a route's schema. */
const WRITTEN: Readonly<Record<Part, string>> = { body: 'body', query: 'querystring', params: 'params' }
const CLOSED = { type: 'object', additionalProperties: false, properties: {} }

/** A schema of a URL's parameters. */
function parametersOf(url: string): object {
  const names = [...url.replaceAll('::', '').matchAll(/:(\w+)|\*/g)].map(([, name]) => name ?? '*')
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string', maxLength: 100 }]))
  return { ...CLOSED, properties, required: names }
}

/** A schema as one would write it. */
const written = (schema: object): string => inspect(schema, { depth: null, breakLength: Infinity })

const nameOf = ({ methods, url }: Declared): string => `${methods.join('|')} ${url}`

/** What `describeSecurity` tells of a route's parts. */
export function coverageOf({ declared, options }: Covered): Record<string, string> {
  const parts: Record<string, string> = {}
  for (const part of new Set<Part>([...possibleParts(declared), 'body'])) {
    const admitted =
      options.dangerouslyAdmitUndeclared?.includes(part) === true && options.empty?.includes(part) !== true
    parts[part] = declared[part] !== undefined ? 'schema' : admitted ? 'admitted unseen' : 'closed'
  }
  parts['headers'] = declared.headers === undefined ? 'not checked' : 'schema'
  parts['response'] = hasResponse(declared) ? 'schema' : 'not checked'
  return parts
}

/** Whether the answers of a route's success are described. */
const hasResponse = ({ response }: Declared): boolean =>
  Object.keys(response).some((status) => /^(?:2\d\d|2xx|default)$/i.test(status))

/** Parts without a schema, each with the line to add. */
export function gaps(covered: Covered): Mistake[] {
  const { declared, options } = covered
  const told = [...(options.empty ?? []), ...(options.dangerouslyAdmitUndeclared ?? [])]
  return gapsOf(declared, told).map((part) => {
    const name = WRITTEN[part]
    const params = part === 'params'
    const value = params ? parametersOf(declared.url) : CLOSED
    const or = params ? '' : `, or config.security.validation.empty: ['${part}']`
    return {
      path: `schema.${name}`,
      rule: 'undeclared',
      message: `is missing, so the ${part} ${params ? 'are' : 'is'} closed; add ${name}: ${written(value)}${or}`,
      fix: [{ op: 'add', path: `/schema/${name}`, value }],
      route: nameOf(declared),
    }
  })
}

/** Answers without a schema, where one is required. */
export function missingResponses({ declared, options }: Covered): Mistake[] {
  if (options.requireResponse !== true || hasResponse(declared)) return []
  return [
    {
      path: 'schema.response',
      rule: 'response-undeclared',
      message: 'is missing: every member of the answer would leave; add response: { 200: { … } }',
      fix: [{ op: 'add', path: '/schema/response', value: { 200: CLOSED } }],
      route: nameOf(declared),
    },
  ]
}

/** Schemas of a route's request, by where they stand. */
function* schemasOf(declared: Declared): Generator<readonly [string, unknown]> {
  for (const part of ['body', 'query', 'params'] as const) {
    const schema = declared[part]
    const content = (schema as { content?: Record<string, { schema?: unknown }> } | undefined)?.content
    if (schema === undefined) continue
    if (content === undefined || isStandard(schema)) yield [WRITTEN[part], schema]
    else
      for (const [type, { schema: inner }] of Object.entries(content))
        yield [`${WRITTEN[part]}.content['${type}']`, inner]
  }
  if (declared.headers !== undefined) yield ['headers', declared.headers]
}

/**
 * What a route's schemas leave open.
 * @param formats that are checked beside the usual ones
 */
export function looseEnds({ declared, shared }: Covered, judge: Judge, formats: readonly string[] = []): Mistake[] {
  return [...schemasOf(declared)].flatMap(([at, schema]) => {
    const json = jsonSchemaOf(schema)
    if (json === null) return []
    const open = at === 'headers'
    const found = lintSchema(json, judge, { open, shared: shared(), formats })
    return found.map((finding) => mistake(nameOf(declared), at, finding))
  })
}

function mistake(route: string, part: string, { at, rule, message, add = {} }: SchemaFinding): Mistake {
  const fix: Operation[] = Object.entries(add).map(([word, value]) => ({
    op: 'add',
    path: `/schema/${part}${at}/${word}`,
    value,
  }))
  return { path: `schema.${part}${at.replaceAll('/', '.')}`, rule, message, fix, route }
}

/** Whether any schema of the routes has a pattern. */
export const havePatterns = (routes: readonly Covered[]): boolean =>
  routes.some(({ declared, shared }) =>
    [...Array.from(schemasOf(declared), ([, schema]) => jsonSchemaOf(schema)), shared()].some((one) =>
      hasPattern(one, new Set()),
    ),
  )

function hasPattern(value: unknown, seen: Set<unknown>): boolean {
  if (typeof value !== 'object' || value === null || seen.has(value)) return false
  seen.add(value)
  return Object.entries(value).some(
    ([word, inner]) =>
      (word === 'pattern' && typeof inner === 'string') || word === 'patternProperties' || hasPattern(inner, seen),
  )
}
