import { parseMediaType } from './media-type.ts'
import type { Part } from './options.ts'
import { isStandard, jsonSchemaOf } from './standard.ts'

/** What a route's schema describes. Any kind of schema counts: JSON Schema, TypeBox, Zod. */
export interface Declared {
  readonly methods: readonly string[]
  readonly url: string
  readonly body: unknown
  readonly query: unknown
  readonly params: unknown
  readonly headers: unknown
  readonly response: Readonly<Record<string, unknown>>
}

/** Reads a route's schema as Fastify does. */
export function declaredBy(route: {
  readonly methods: readonly string[]
  readonly url: string
  readonly options: { readonly schema?: unknown }
}): Declared {
  const schema = (route.options.schema ?? {}) as Record<string, unknown>
  return {
    methods: route.methods,
    url: route.url,
    body: schema['body'],
    query: schema['querystring'] ?? schema['query'],
    params: schema['params'],
    headers: schema['headers'],
    response: (schema['response'] ?? {}) as Record<string, unknown>,
  }
}

/** Methods whose requests bring a body (RFC 9110 §9.3). */
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH'])

/** Whether a URL has parameters; `::` is a colon (`/items::archive`). */
export const hasParams = (url: string): boolean => /[:*]/.test(url.replaceAll('::', ''))

/** Parts that a route may be sent: every URL may have a query. */
export function possibleParts({ methods, url }: Declared): Part[] {
  const parts: Part[] = ['query']
  if (hasParams(url)) parts.unshift('params')
  if (methods.some((method) => WITH_BODY.has(method))) parts.unshift('body')
  return parts
}

/** Parts that a route may be sent and has neither described nor called empty. */
export function gapsOf(declared: Declared, empty: readonly Part[]): Part[] {
  return possibleParts(declared).filter((part) => declared[part] === undefined && !empty.includes(part))
}

/** Names of a query schema's properties that may be lists; null if the schema does not tell. */
export function listsOf(schema: unknown): ReadonlySet<string> | null {
  const properties = jsonSchemaOf(schema)?.['properties']
  if (typeof properties !== 'object' || properties === null) return null
  const scalar = new Set(['string', 'number', 'integer', 'boolean', 'null', 'object'])
  const lists = Object.entries(properties as Record<string, { type?: unknown; $ref?: unknown } | undefined>).filter(
    ([, property]) => !scalar.has(property?.type as string) && !hasNoType(property),
  )
  return new Set(lists.map(([name]) => name))
}

const COMBINING = ['$ref', 'anyOf', 'oneOf', 'allOf', 'items', 'prefixItems']

const hasNoType = (property: object | undefined): boolean =>
  property === undefined || (!('type' in property) && !COMBINING.some((word) => word in property))

/**
 * Media types of a body that is described per media type. Fastify looks a body's up in lower case and without parameters:
 * under another key nobody would check it, so such keys take nothing.
 */
export function typesOf(body: unknown): readonly string[] | null {
  const content = (body as { content?: unknown } | undefined)?.content
  if (typeof content !== 'object' || content === null || isStandard(body)) return null
  return Object.keys(content).filter((type) => parseMediaType(type)?.essence === type)
}
