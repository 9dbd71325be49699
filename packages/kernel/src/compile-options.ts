import { Ajv2019 as Ajv, type ErrorObject } from 'ajv/dist/2019.js'
import { isAccepted } from './accepts.ts'
import { copy, freeze } from './copy.ts'
import { complete } from './mending.ts'
import { distinct, finding } from './mistakes.ts'
import type { Accepted, Finding, Mistake, ObjectSchema } from './options.ts'
import { readable } from './pointer.ts'

const settings = { allErrors: true, verbose: true, strict: true, strictTypes: false, strictRequired: false } as const

function instance(useDefaults: boolean): Ajv {
  const ajv = new Ajv({ ...settings, useDefaults })
  ajv.addKeyword({
    keyword: 'accepts',
    schemaType: 'array',
    validate: (kinds: readonly Accepted[], value: unknown) => isAccepted(kinds, value),
  })
  // Words of other makers, refused, with ours as the fix: for values of an `enum` (`{ gcra: 'token-bucket' }`), and for the
  // options of an object (`{ secret: 'key' }`, or `'jwt.key'` for one that stands within another).
  ajv.addKeyword({ keyword: 'synonyms', schemaType: 'object' })
  return ajv
}

const filling = instance(true)
const plain = instance(false)

/** What inspecting options gives: the options, or every mistake in them. */
export type Inspection<T> =
  | { readonly options: Readonly<T>; readonly mistakes: readonly [] }
  | { readonly options: undefined; readonly mistakes: readonly Mistake[] }

/**
 * Compiles a schema, and rules between fields, into a function that inspects options: a deep-frozen copy with
 * defaults filled in, or all mistakes at once, each with its path, the broken rule, a sentence and a JSON Patch
 * (RFC 6902). No value is ever coerced. Functions, Buffers, KeyObjects and class instances pass by reference.
 * @param defaults `false` for partial options, such as a route's.
 * @throws if the schema itself is not strict.
 */
export function compileOptions<T extends object>(
  schema: ObjectSchema,
  check: (options: Readonly<T>) => Finding[] = () => [],
  { defaults = true }: { defaults?: boolean } = {},
): (given: unknown) => Inspection<T> {
  const validate = plain.compile(schema)
  const fill = defaults ? filling.compile(schema) : undefined

  /** A copy with its defaults. What was written is judged without them: a default must not hide a misspelt key. */
  const filled = (value: unknown): T => {
    const options = copy(value)
    fill?.(options)
    return options as T
  }
  /** Violations of the schema. */
  const violations = (value: unknown): Finding[] => {
    if (validate(value)) return []
    const errors = (validate.errors ?? []) as ErrorObject[]
    // `if` and `propertyNames` report both the rule and what it contains: the rule is enough.
    return distinct(
      errors
        .filter(({ schemaPath, keyword }) => keyword !== 'if' && !schemaPath.includes('/propertyNames/'))
        .map(finding),
    )
  }
  /** All that is wrong with a value: the schema first, then the rules between fields. */
  const everything = (value: unknown): Finding[] => {
    const found = violations(value)
    return found.length > 0 ? found : distinct(check(filled(value)))
  }

  return (given) => {
    const written = copy(given ?? {})
    const broken = violations(written)
    if (broken.length === 0) {
      const options = filled(written)
      const crossed = distinct(check(options))
      if (crossed.length === 0) return { options: freeze(options), mistakes: [] }
      return { options: undefined, mistakes: complete(given, crossed, everything, copy).findings.map(mistake) }
    }
    // The rules between fields speak of well-formed options: ask them about the mended ones, and report what
    // they say of places that the mending did not touch.
    const mended = complete(given ?? {}, broken, violations, copy)
    const crossed = violations(mended.fixed).length > 0 ? [] : check(filled(mended.fixed))
    const touched = mended.findings.flatMap(({ fix }) =>
      fix.flatMap((one) => [one.path, 'from' in one ? one.from : one.path]),
    )
    const untouched = crossed.filter(({ at }) => !touched.some((place) => overlap(place, at)))
    const all = complete(given ?? {}, [...broken, ...distinct(untouched)], everything, copy).findings
    return { options: undefined, mistakes: all.map(mistake) }
  }
}

/** Whether one place lies in the other. */
function overlap(one: string, other: string): boolean {
  return `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`)
}

function mistake({ at: pointer, rule, message, fix }: Finding): Mistake {
  return { path: readable(pointer), rule, message, fix }
}
