import { isPlain } from './copy.ts'
import type { Schema } from './options.ts'
import { literal } from './suggest.ts'

/** What to write, in words that can be pasted. A secret is described: an example of one must not end up in use. */
export function written(name: string | undefined, value: unknown, schema: Schema): string {
  if (value === undefined) return 'remove it'
  if (schema['writeOnly'] === true) return `give ${described(schema)}`
  const text = literal(concealed(value, schema))
  return name === undefined ? `write ${text}` : `write ${name}: ${text}`
}

/** A sample without the secrets in it. */
function concealed(value: unknown, schema: Schema): unknown {
  if (schema['writeOnly'] === true) return '…'
  if (Array.isArray(value)) return value.map((entry) => concealed(entry, (schema['items'] ?? {}) as Schema))
  const properties = schema['properties'] as Readonly<Record<string, Schema>> | undefined
  if (properties === undefined || !isPlain(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, concealed(one, properties[key] ?? {})]))
}

/** The description of an option, as it reads within a sentence. */
function described({ description }: Schema): string {
  const text = typeof description === 'string' ? description : 'your own'
  return text.replace(/^[A-Z](?![A-Z])/, (first) => first.toLowerCase()).replace(/\.$/, '')
}
