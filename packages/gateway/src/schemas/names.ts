import { _, type Ajv2020, type ErrorObject, type KeywordCxt, Name } from 'ajv/dist/2020.js'
import { membersIn } from './members.ts'
import type { Place } from './pointer.ts'
import type { Keywords } from './walk.ts'

/** A name without case, as Go and .NET compare those of JSON: `ſ` is an s to them, and the sign of Kelvin a k. */
export const caseless = (name: string): string => name.toUpperCase().toLowerCase()

/**
 * A name as careless readers of forms read it: PHP makes a list or an object of what has brackets, `_` of dots and spaces,
 * and nothing of what stands behind NUL.
 */
export function folded(name: string): string {
  const [read = ''] = name.split('\0', 1)
  const at = read.indexOf('[')
  // A bracket without its end is a `_` too.
  const bare = at === -1 ? read : read.includes(']', at) ? read.slice(0, at) : read.replace('[', '_')
  return caseless(bare.trimStart().replaceAll(/[. ]/g, '_'))
}

/** The keyword that looks for other spellings: no document can write it, for it is none that is known. */
const KEYWORD = 'portcullisNames'

/** What the keyword says of a schema. */
interface Described {
  /** Names that it, or an object that it is a part of, describes. */
  readonly exact: ReadonlySet<string>
  /** Its own, without case. */
  readonly caseless: ReadonlySet<string>
}

function hasOther(value: object, { exact, caseless: all }: Described): boolean {
  for (const name in value) if (!exact.has(name) && all.has(caseless(name))) return true
  return false
}

/** What Ajv calls the pointer to a function's value in what it writes. */
const PATH = new Name('instancePath')

/**
 * Finds names that differ in case alone from those that are described of the same object. It tells beside the verdict: a
 * schema that holds less often would admit more in `not`.
 */
export class OtherSpellings {
  /** Names by schema: of all objects that it is a part of. */
  readonly #exact = new WeakMap<object, Set<string>>()
  /** JSON Pointer to the object in which one was found. */
  #found: string | null = null

  constructor(ajv: Ajv2020) {
    const tell = (path: string): void => {
      this.#found = path
    }
    ajv.addKeyword({
      keyword: KEYWORD,
      type: 'object',
      schemaType: 'object',
      code({ gen, data, schema, it }: KeywordCxt) {
        const described = gen.scopeValue('keyword', { ref: schema as Described })
        gen.if(_`${gen.scopeValue('func', { ref: hasOther })}(${data}, ${described})`, () => {
          gen.code(_`${gen.scopeValue('func', { ref: tell })}(${PATH} + ${it.errorPath})`)
        })
      },
    })
  }

  /** Has names looked for wherever this schema is tried, but for those that it and its like describe. */
  mark(schema: Keywords, place: Place): void {
    const { named, forbidden, schemas } = membersIn(place)
    const names = [...named.keys(), ...forbidden]
    if (names.length === 0) return
    for (const one of schemas) {
      const exact = this.#exact.get(one) ?? new Set()
      for (const name of names) exact.add(name)
      this.#exact.set(one, exact)
    }
    // Others are refused already.
    if (schema['additionalProperties'] === false) return
    const described: Described = {
      exact: this.#exact.get(schema) as Set<string>,
      caseless: new Set(names.map(caseless)),
    }
    Object.assign(schema, { [KEYWORD]: described })
  }

  /** What is wrong with a value that is admitted otherwise. */
  faultIn(judge: () => boolean | null): ErrorObject | boolean | null {
    this.#found = null
    const verdict = judge()
    if (verdict !== true || this.#found === null) return verdict
    const message = 'must NOT have properties that differ from those of its schema in case alone'
    return { keyword: 'ambiguous', instancePath: this.#found, schemaPath: '', params: {}, message }
  }
}
