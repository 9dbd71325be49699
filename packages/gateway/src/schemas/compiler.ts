import { areUnique } from '@portcullis/kernel'
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import { compileOneByOne } from './chains.ts'
import { COUNTED, Effort } from './effort.ts'
import { addKnownFormats } from './formats.ts'
import { addLengths } from './lengths.ts'
import { OtherSpellings } from './names.ts'
import { followed, isObject, partsMembersOf, type Place, placeIn } from './pointer.ts'
import { type Keywords, walk } from './walk.ts'

/** Which way a message goes: what is `readOnly` comes from the service alone, what is `writeOnly` from the client. */
export type Direction = 'request' | 'response'

/** A validator, and the names that its whole gives to members: those alone are told of. */
export interface Judge {
  /** Says whether a value is admitted; why not stands in `errors`. Takes the time that it takes. */
  readonly validate: ValidateFunction
  /** The same, in bounds. @param size bytes of what the value was read from */
  readonly admits: (value: unknown, size: number) => boolean
  readonly names: ReadonlySet<string>
}

/** An object whose members have schemas of their own. */
export interface Members {
  readonly properties: Readonly<Record<string, Place>>
  readonly required: readonly string[]
}

/** Why a value is not admitted that takes too long to judge. */
const TOO_COMPLEX: ErrorObject = {
  keyword: 'complexity',
  instancePath: '',
  schemaPath: '',
  params: {},
  message: 'must be simpler',
}

/** Words by which a schema is more than what is written in it. */
const OF_A_WHOLE = /"(?:\$ref|discriminator|readOnly|writeOnly|properties)":/

/** Compiles schemas of one direction. Schemas of one whole share what they refer to. */
export class Compiler {
  readonly #direction: Direction
  readonly #ajv: Ajv2020
  readonly #effort: Effort
  /** Of requests: what a service takes for another name, it may do. */
  readonly #spellings: OtherSpellings | null
  readonly #wholes = new Map<
    object,
    {
      readonly name: string
      readonly clone: object
      readonly seen: Set<string>
      readonly told: WeakSet<object>
      readonly names: Set<string>
      readonly references: Set<string>
    }
  >()

  readonly #members = new Map<string, ValidateFunction>()

  constructor(direction: Direction) {
    this.#direction = direction
    this.#ajv = new Ajv2020({
      code: { optimize: false },
      // What a schema may say was looked through already.
      strict: false,
      // 1e400 is Infinity to JavaScript, and no number in JSON.
      strictNumbers: true,
      // 9.95 ÷ 0.01 is 994.9999999999999.
      multipleOfPrecision: 6,
      // `{}` has a `constructor` that nobody sent.
      ownProperties: true,
      validateSchema: false,
      addUsedSchema: false,
      logger: false,
    })
    this.#effort = new Effort(this.#ajv)
    addKnownFormats(this.#ajv)
    addLengths(this.#ajv)
    this.#spellings = direction === 'request' ? new OtherSpellings(this.#ajv) : null
    // Ajv's own compares each with each: 100,000 objects in a list would take minutes.
    this.#ajv.removeKeyword('uniqueItems')
    this.#ajv.addKeyword({
      keyword: 'uniqueItems',
      type: 'array',
      schemaType: 'boolean',
      error: { message: 'must NOT have duplicate items' },
      validate: (unique: boolean, list: readonly unknown[]) => !unique || areUnique(list),
    })
  }

  /** Compiles what stands somewhere. */
  compile(place: Place): Judge {
    // By its place, not by a schema of its own that refers to it: so others find it made.
    const reference = this.#reference(place)
    const validate = this.#chained(() => this.#ajv.getSchema(reference) as ValidateFunction)
    return this.#judge(validate, this.#wholes.get(place.root)?.names ?? new Set())
  }

  /** Compiles an object that has those members, and no others. */
  compileMembers({ properties, required }: Members): Judge {
    const named = Object.entries(properties).map(([name, place]) => [name, this.#inPlace(place)])
    const schema = { type: 'object', additionalProperties: false, required, properties: Object.fromEntries(named) }
    // Most operations have the parameters of others, or none.
    const key = JSON.stringify(schema)
    const validate = this.#members.get(key) ?? this.#chained(() => this.#ajv.compile(schema))
    this.#members.set(key, validate)
    return this.#judge(validate, new Set(Object.keys(properties)))
  }

  #judge(validate: ValidateFunction, names: ReadonlySet<string>): Judge {
    const admits = (value: unknown, size: number): boolean => {
      const judge = (): boolean | null => this.#effort.within(size, () => validate(value))
      const verdict = this.#spellings === null ? judge() : this.#spellings.faultIn(judge)
      if (typeof verdict === 'boolean') return verdict
      validate.errors = [verdict ?? TOO_COMPLEX]
      return false
    }
    return { validate, names, admits }
  }

  /** Compiles what may refer to more, in longer chains, than a stack holds. */
  #chained(compile: () => ValidateFunction): ValidateFunction {
    try {
      return compile()
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      for (const { name, references } of this.#wholes.values()) compileOneByOne(this.#ajv, name, references)
      return compile()
    }
  }

  /** A schema that refers to nothing, as it is written: it stands in many places. */
  #inPlace(place: Place): unknown {
    const { value = {} } = followed(place) ?? place
    return OF_A_WHOLE.test(JSON.stringify(value)) ? { $ref: this.#reference(place) } : value
  }

  #reference(place: Place): string {
    let whole = this.#wholes.get(place.root)
    if (whole === undefined) {
      const name = `whole-${this.#wholes.size}`
      whole = {
        name,
        clone: structuredClone(place.root),
        seen: new Set(),
        told: new WeakSet(),
        names: new Set(),
        references: new Set(),
      }
      this.#wholes.set(place.root, whole)
      this.#ajv.addSchema(whole.clone, name)
    }
    const { clone, seen, told, name, names, references } = whole
    walk(
      placeIn(clone, place),
      (schema, here) => {
        // It may be come to as a part and as a whole.
        if (told.has(schema)) return
        told.add(schema)
        if (isObject(schema['properties'])) for (const member of Object.keys(schema['properties'])) names.add(member)
        if (typeof schema['$ref'] === 'string') references.add(schema['$ref'])
        this.#spellings?.mark(schema, here)
        hideMarked(schema, here, this.#direction)
        tellApart(schema)
        if (schema['$ref'] !== undefined) Object.assign(schema, { [COUNTED]: true })
      },
      seen,
    )
    return `${name}#${place.pointer.split('/').map(encodeURIComponent).join('/')}`
  }
}

/** Adds to a schema's own words, at the end of `allOf`: pointers into it lead where they did. */
function add(schema: Keywords, more: object): void {
  const { allOf } = schema
  Object.assign(schema, { allOf: [...(Array.isArray(allOf) ? allOf : []), more] })
}

/** Members that do not travel this way are neither required nor admitted (OpenAPI 3.1 §4.8.24). */
function hideMarked(schema: Keywords, place: Place, direction: Direction): void {
  const { properties, allOf } = schema
  const word = direction === 'request' ? 'readOnly' : 'writeOnly'
  const all = partsMembersOf(place)
    .filter(([, member]) => isMarked(member, word))
    .map(([name]) => name)
  if (all.length === 0) return
  // What one part marks, another may require.
  for (const one of [schema, ...(Array.isArray(allOf) ? allOf : [])]) {
    if (!isObject(one) || !Array.isArray(one['required'])) continue
    Object.assign(one, { required: one['required'].filter((name) => !all.includes(name as string)) })
  }
  const own = all.filter((name) => isObject(properties) && Object.hasOwn(properties, name))
  if (own.length > 0) add(schema, { properties: Object.fromEntries(own.map((name) => [name, false])) })
}

function isMarked(place: Place, word: string): boolean {
  const own = place.value
  if (!isObject(own)) return false
  if (own[word] === true) return true
  const target = own['$ref'] === undefined ? null : followed(place)
  const meant = target === null ? undefined : target.value
  return isObject(meant) && meant[word] === true
}

/** A discriminator's name and the schema that it chooses belong together: each branch takes its own names alone. */
function tellApart(schema: Keywords): void {
  const { discriminator } = schema
  if (!isObject(discriminator)) return
  const name = discriminator['propertyName'] as string
  const mapping = isObject(discriminator['mapping']) ? Object.entries(discriminator['mapping']) : []
  for (const word of ['oneOf', 'anyOf'] as const) {
    const { [word]: branches } = schema
    if (!Array.isArray(branches)) continue
    const told = branches.map((branch: Keywords) => {
      const reference = String(branch['$ref'])
      const own = reference.slice(reference.lastIndexOf('/') + 1)
      const mapped = mapping.filter(([, to]) => to === reference || to === own).map(([value]) => value)
      const named = { required: [name], properties: { [name]: { enum: [...new Set([...mapped, own])] } } }
      // The name is looked at first: of branches that contain themselves, only one is gone into.
      // oxlint-disable-next-line unicorn/no-thenable -- a keyword
      return { if: named, then: branch, else: named }
    })
    Object.assign(schema, { [word]: told })
  }
}
