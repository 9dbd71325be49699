import { isObject } from './pointer.ts'

/** Keywords whose value is data, not a schema. */
const DATA: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples', 'example'])
const NAMING: ReadonlySet<string> = new Set(['properties', 'dependentRequired', 'dependentSchemas'])

/** A schema of header fields whose names are in lower case, as Node hands them over (RFC 9110 §5.1). */
export function lowerCased(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(lowerCased)
  if (!isObject(schema)) return schema
  return Object.fromEntries(
    Object.entries(schema).map(([word, value]) => {
      if (DATA.has(word)) return [word, value]
      if (word === 'required') return [word, inLowerCase(value)]
      if (!NAMING.has(word) || !isObject(value)) return [word, lowerCased(value)]
      return [
        word,
        Object.fromEntries(
          Object.entries(value).map(([name, one]) => [
            name.toLowerCase(),
            Array.isArray(one) ? inLowerCase(one) : lowerCased(one),
          ]),
        ),
      ]
    }),
  )
}

const inLowerCase = (names: unknown): unknown =>
  Array.isArray(names) ? names.map((name: unknown) => (typeof name === 'string' ? name.toLowerCase() : name)) : names
