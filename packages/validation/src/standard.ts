import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'

/** A schema of the Standard Schema interface: Zod, Valibot, ArkType. */
export type Standard = StandardSchemaV1 & Partial<StandardJSONSchemaV1>

/** Whether a schema is of the Standard Schema interface. */
export const isStandard = (schema: unknown): schema is Standard =>
  (typeof schema === 'object' || typeof schema === 'function') && schema !== null && '~standard' in schema

/** The JSON Schema of what a schema takes in; null for a library that does not tell. */
export function jsonSchemaOf(schema: unknown): Readonly<Record<string, unknown>> | null {
  if (!isStandard(schema)) return typeof schema === 'object' ? (schema as Record<string, unknown>) : null
  try {
    return schema['~standard'].jsonSchema?.input({ target: 'draft-2020-12' }) ?? null
  } catch {
    // Transforms and the like have no JSON Schema.
    return null
  }
}

/** An issue, as Fastify and error handlers know those of Ajv. */
interface Violation {
  readonly instancePath: string
  readonly schemaPath: string
  readonly keyword: string
  readonly params: Readonly<Record<string, unknown>>
  readonly message: string
}

type Judged = { readonly value: unknown } | { readonly error: readonly Violation[] }

function judged(result: StandardSchemaV1.Result<unknown>): Judged {
  if (result.issues === undefined) return { value: result.value }
  const error = result.issues.map(({ message, path = [] }) => ({
    instancePath: path.map((key) => `/${String(typeof key === 'object' ? key.key : key)}`).join(''),
    schemaPath: '#',
    keyword: 'standard',
    params: {},
    message,
  }))
  return { error }
}

/** A Standard Schema as Fastify calls validators. */
export function standardValidator(schema: Standard): (data: unknown) => Judged | Promise<void> {
  return (data) => {
    const result = schema['~standard'].validate(data)
    // A promise of any make: judged as it stands, it would pass.
    return 'then' in result ? result.then((settled) => enforce(judged(settled), data)) : judged(result)
  }
}

/**
 * Fastify reads an asynchronous verdict as pass or fail alone: an `error` would pass, and a `value` would be lost. So what
 * fails rejects, and what passes becomes what the schema made of it, in place.
 */
function enforce(verdict: Judged, data: unknown): void {
  // Fastify takes a list of violations here, as validators give it.
  // oxlint-disable-next-line typescript/only-throw-error
  if ('error' in verdict) throw verdict.error
  const { value } = verdict
  if (Object.is(value, data)) return
  if (typeof value !== 'object' || value === null || typeof data !== 'object' || data === null)
    throw Object.assign(new TypeError('an asynchronous schema can transform objects alone'), { statusCode: 500 })
  for (const name of Object.keys(data)) Reflect.deleteProperty(data, name)
  for (const [name, member] of Object.entries(value))
    Object.defineProperty(data, name, { value: member, enumerable: true, configurable: true, writable: true })
  if (Array.isArray(data)) data.length = (value as unknown[]).length
}

/** A Standard Schema as Fastify calls serializers: only what it admits leaves. */
export function standardSerializer(schema: Standard): (data: unknown) => string {
  return (data) => {
    const result = schema['~standard'].validate(data)
    if ('then' in result || result.issues !== undefined)
      throw new TypeError('the answer does not match the response schema of its route')
    return JSON.stringify(result.value)
  }
}
