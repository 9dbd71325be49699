import { areUnique } from '@portcullis/kernel'
import { Ajv, type Options, type ValidateFunction } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats, { type FormatsPlugin } from 'ajv-formats'
import { isOf2020, type SharedSchemas } from './dialect.ts'
import { lowerCased } from './header-names.ts'
import { copied, misspelt } from './spelling.ts'
import { isStandard, standardValidator } from './standard.ts'

/** A part of a request, as Fastify names them to validator compilers. */
export interface Compiled {
  readonly schema: unknown
  readonly httpPart?: string | undefined
  /** Of a body that is described per media type. */
  readonly contentType?: string | undefined
}

type Validate = (data: unknown) => unknown

/** The media type of forms without files: every value is text. */
const FORM = 'application/x-www-form-urlencoded'

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
  discriminator: true,
} satisfies Options

// The types of a CommonJS module's default export are the module's.
const formats = addFormats as unknown as FormatsPlugin

type AnyAjv = Ajv | Ajv2020

/**
 * Most characters of some formats. Moments and durations end somewhere, and their patterns do not: fractions and counts have
 * any number of digits. The pattern of URLs takes the square of their length: seconds from some ten thousand on.
 */
const LONGEST = { time: 64, 'date-time': 64, 'iso-time': 64, 'iso-date-time': 64, duration: 64, url: 2048 }

/** Bounds the texts of those formats, whatever length a schema says. */
function boundFormats(ajv: AnyAjv): void {
  for (const [name, longest] of Object.entries(LONGEST)) {
    const format = ajv.formats[name]
    const { validate } = format instanceof RegExp ? { validate: format } : (format as { validate: unknown })
    const matches =
      validate instanceof RegExp ? (text: string) => validate.test(text) : (validate as (text: string) => boolean)
    ajv.addFormat(name, {
      ...(format instanceof RegExp ? {} : (format as object)),
      validate: (text: string) => text.length <= longest && matches(text),
    })
  }
}

/** Ajv's own asks what a client wrote for `valueOf`, and throws; and it compares each item with each. */
function compareItems(ajv: AnyAjv): void {
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    error: { message: 'must NOT have duplicate items' },
    validate: (unique: boolean, list: readonly unknown[]) => !unique || areUnique(list),
  })
}

/** Names of the formats that are checked, those of your own too. */
export function formatsOf(configure: (ajv: AnyAjv) => void): string[] {
  const ajv = new Ajv(settings)
  configure(ajv)
  return Object.keys(ajv.formats)
}

/** Whether a schema may make a number of a text. */
const mayBeNumber = (schema: unknown): boolean => /"(?:number|integer|\$ref)"/.test(JSON.stringify(schema))

/** Holds numbers that came as text to their spelling. */
function spelled(validate: ValidateFunction, schema: object): Validate {
  const { properties } = schema as { properties?: object }
  const wrong = (at: string) => {
    // Only a name that the schema knows is told: others are the client's words.
    const name = at.split('/', 2)[1] ?? ''
    const schemaPath = Object.hasOwn(properties ?? {}, name) ? `#/properties/${name}/type` : '#/type'
    return [{ instancePath: at, schemaPath, keyword: 'type', params: {}, message: 'must be a decimal number' }]
  }
  return (data) => {
    const before = copied(data)
    const verdict: unknown = validate(data)
    if (verdict instanceof Promise)
      return verdict.then(() => {
        const at = misspelt(before, data)
        // Fastify takes a list of violations here, as validators give it.
        // oxlint-disable-next-line typescript/only-throw-error
        if (at !== null) throw wrong(at)
      })
    if (verdict === false) return { error: validate.errors }
    const at = misspelt(before, data)
    return at === null ? true : { error: wrong(at) }
  }
}

/**
 * A validator compiler that knows of each part what it can be: a body of JSON stays what it is; a query, params, header
 * fields and forms are text, and become what their schema names if they spell it. Formats are checked. JSON Schema of the
 * drafts 7 and 2020-12, TypeBox, and Standard Schema, which reads its text itself.
 * @param shared schemas that `$ref` may name
 * @param configure called with each Ajv instance: for keywords and formats of your own
 * @param forms whether bodies that are not described per media type are forms
 */
function validators(
  shared: () => SharedSchemas,
  configure?: (ajv: AnyAjv) => void,
  forms = false,
): (part: Compiled) => Validate {
  const known = new Map<string, AnyAjv>()

  function ajvFor(latest: boolean, text: boolean): AnyAjv {
    const name = `${latest} ${text}`
    const made = known.get(name)
    if (made !== undefined) return made
    const options: Options = { ...settings, coerceTypes: text ? 'array' : false }
    const ajv: AnyAjv = latest ? new Ajv2020(options) : new Ajv(options)
    formats(ajv)
    boundFormats(ajv)
    compareItems(ajv)
    configure?.(ajv)
    for (const [id, schema] of Object.entries(shared())) {
      if (isStandard(schema)) continue
      // Each instance knows its own draft by name; of the other it takes what is referred to.
      const { $schema: _draft, ...rest } = schema as { $schema?: string }
      ajv.addSchema(rest, id, false, isOf2020(schema, shared()) === latest)
    }
    known.set(name, ajv)
    return ajv
  }

  return ({ schema, httpPart, contentType }) => {
    if (isStandard(schema)) return standardValidator(schema)
    const given = httpPart === 'headers' ? (lowerCased(schema) as object) : (schema as object)
    const text = httpPart !== 'body' || (contentType === undefined ? forms : contentType === FORM)
    const validate = ajvFor(isOf2020(schema, shared()), text).compile(given)
    return text && mayBeNumber(schema) ? spelled(validate, given) : validate
  }
}

/** A scope of the app, with the schemas that its routes may refer to. */
interface Scope {
  getSchemas(): SharedSchemas
}

/** Gives each scope one compiler, for shared schemas are the scope's, and another for its routes that take forms alone. */
export function validatorsByScope(
  configure?: (ajv: AnyAjv) => void,
): (scope: Scope, mediaTypes?: readonly string[]) => (part: Compiled) => Validate {
  const json = new Map<Scope, (part: Compiled) => Validate>()
  const form = new Map<Scope, (part: Compiled) => Validate>()
  return (scope, mediaTypes = []) => {
    const forms = mediaTypes.length > 0 && mediaTypes.every((type) => type === FORM)
    const known = forms ? form : json
    const made = known.get(scope) ?? validators(() => scope.getSchemas(), configure, forms)
    known.set(scope, made)
    return made
  }
}
