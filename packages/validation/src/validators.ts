import { Ajv, type Options } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats, { type FormatsPlugin } from 'ajv-formats'
import { isStandard, standardValidator } from './standard.ts'

/** A part of a request, as Fastify names them to validator compilers. */
export interface Compiled {
  readonly schema: unknown
  readonly httpPart?: string | undefined
}

type Validate = (data: unknown) => unknown

/** What Ajv is told: nothing is removed; `coerceTypes` is for what can only come as text. */
const settings = {
  useDefaults: true,
  removeAdditional: false,
  allErrors: false,
  strict: true,
  strictTypes: false,
  strictRequired: false,
  strictTuples: false,
  addUsedSchema: false,
} satisfies Options

// The types of a CommonJS module's default export are the module's.
const formats = addFormats as unknown as FormatsPlugin

type AnyAjv = Ajv | Ajv2020

/** Whether a schema is of the draft 2020-12: by its `$schema`, or by a keyword that is new in it. */
function isOf2020(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null) return false
  const { $schema } = schema as { $schema?: unknown }
  if (typeof $schema === 'string') return $schema.includes('2020-12')
  return Object.entries(schema).some(
    ([key, value]) =>
      ['prefixItems', 'unevaluatedProperties', '$dynamicRef', 'dependentSchemas'].includes(key) || isOf2020(value),
  )
}

/** Header fields are looked up in lower case (RFC 9110 §5.1). */
function lowerCased(schema: Readonly<Record<string, unknown>>): object {
  const { properties, required, ...rest } = schema
  return {
    ...rest,
    ...(typeof properties === 'object' && {
      properties: Object.fromEntries(
        Object.entries(properties as object).map(([name, property]) => [name.toLowerCase(), property as unknown]),
      ),
    }),
    ...(Array.isArray(required) && { required: required.map((name) => String(name).toLowerCase()) }),
  }
}

/**
 * A validator compiler that knows of each part what it can be: a body is JSON and stays what it is; a query, params and
 * header fields are text, and become what their schema names if they spell it. Formats are checked. JSON Schema of the
 * drafts 7 and 2020-12, TypeBox, and Standard Schema.
 * @param shared schemas that `$ref` may name
 * @param configure called with each Ajv instance: for keywords and formats of your own
 */
export function validators(
  shared: () => Readonly<Record<string, unknown>>,
  configure?: (ajv: AnyAjv) => void,
): (part: Compiled) => Validate {
  const known = new Map<string, AnyAjv>()

  function ajvFor(latest: boolean, text: boolean): AnyAjv {
    const name = `${latest} ${text}`
    const made = known.get(name)
    if (made !== undefined) return made
    const options: Options = { ...settings, coerceTypes: text ? 'array' : false }
    const ajv: AnyAjv = latest ? new Ajv2020(options) : new Ajv(options)
    formats(ajv)
    configure?.(ajv)
    for (const [id, schema] of Object.entries(shared())) if (!isStandard(schema)) ajv.addSchema(schema as object, id)
    known.set(name, ajv)
    return ajv
  }

  return ({ schema, httpPart }) => {
    if (isStandard(schema)) return standardValidator(schema)
    const given = httpPart === 'headers' ? lowerCased(schema as Record<string, unknown>) : (schema as object)
    return ajvFor(isOf2020(schema), httpPart !== 'body').compile(given)
  }
}
