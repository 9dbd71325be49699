import { followed, isObject, type Place, within } from './pointer.ts'

/** How many values a name has: one; several, each by itself; several, between commas. */
export type Multiplicity = 'one' | 'repeated' | 'commas'

/** How the texts of one parameter become a value. */
export interface TextReader {
  readonly multiplicity: Multiplicity
  /** One text. What its schema does not name stays a text, for the schema to refuse. */
  readonly read: (text: string) => unknown
}

/** A decimal as JSON spells one (RFC 8259 §6), without an exponent: no `0x10`, ` 1`, `1e3`. */
const DECIMAL = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/

function numberOf(text: string): number | null {
  if (!DECIMAL.test(text)) return null
  const value = Number(text)
  // Beyond this, a number is read as its neighbour.
  return text.replace(/[-.]/g, '').length <= 15 || Number.isSafeInteger(value) ? value : null
}

/** The types that a schema names; null if it names none. */
export function typesOf(place: Place, depth = 0): ReadonlySet<string> | null {
  const here = followed(place)
  const schema = here === null ? undefined : here.value
  if (here === null || !isObject(schema) || depth > 16) return null
  const { type, enum: choices } = schema
  if (type !== undefined) return new Set([type].flat() as string[])
  if (Array.isArray(choices)) return new Set(choices.map(typeOf))
  if ('const' in schema) return new Set([typeOf(schema['const'])])
  const of = (word: string): (ReadonlySet<string> | null)[] =>
    Array.isArray(schema[word]) ? [...schema[word].keys()].map((i) => typesOf(within(here, word, i), depth + 1)) : []
  // Each of `allOf` holds: the first that tells is enough. One of the others holds: all must tell.
  const all = of('allOf').find((types) => types !== null)
  if (all !== undefined) return all
  const any = [...of('oneOf'), ...of('anyOf')]
  return any.length === 0 || any.includes(null) ? null : new Set(any.flatMap((types) => [...(types ?? [])]))
}

const typeOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)

/** Where the schema of a list's items stands, if it has one. */
function itemsOf(place: Place): Place | null {
  const here = followed(place)
  const schema = here === null ? undefined : here.value
  return here !== null && isObject(schema) && isObject(schema['items']) ? within(here, 'items') : null
}

/** Why a parameter's schema tells no text from another: it is of no type, or of one that no text spells. */
export function textFault(place: Place): string | null {
  const types = typesOf(place)
  if (types === null) return 'has no type: what a text means is not known'
  if (types.has('object')) return 'is an object, which no text of a parameter spells here'
  if (!types.has('array')) return null
  if (types.size > 1) return 'is a list or something else, which no text tells'
  const items = itemsOf(place)
  const inner = items === null ? null : typesOf(items)
  if (inner === null) return 'is a list whose items have no type'
  return inner.has('array') || inner.has('object') ? 'is a list of what no text spells' : null
}

/** Compiles how texts are read. @param list what several values look like, where the schema is a list */
export function compileText(place: Place, list: Exclude<Multiplicity, 'one'>): TextReader {
  const types = typesOf(place) ?? new Set()
  if (!types.has('array')) return { multiplicity: 'one', read: scalar(types) }
  const items = itemsOf(place)
  return { multiplicity: list, read: scalar((items === null ? null : typesOf(items)) ?? new Set()) }
}

function scalar(types: ReadonlySet<string>): (text: string) => unknown {
  const numbers = types.has('number') || types.has('integer')
  const booleans = types.has('boolean')
  if (!numbers && !booleans) return (text) => text
  return (text) => {
    if (booleans && (text === 'true' || text === 'false')) return text === 'true'
    return (numbers ? numberOf(text) : null) ?? text
  }
}

/** An object without a prototype: every name is an ordinary one. */
export type Named = Record<string, unknown>

/** Texts by name, as one reader for each name says. Names without one: the text, or a list of those that came. */
export function readTexts(
  pairs: readonly (readonly [name: string, text: string])[],
  readers: ReadonlyMap<string, TextReader>,
  split: (text: string) => readonly string[],
): Named | 'repeated' {
  const values: Named = { __proto__: null }
  for (const [name, text] of pairs) {
    const reader = readers.get(name)
    const before = values[name]
    if (reader?.multiplicity === 'repeated') {
      if (before === undefined) values[name] = [reader.read(text)]
      else (before as unknown[]).push(reader.read(text))
    } else if (before !== undefined) {
      if (reader !== undefined) return 'repeated'
      values[name] = [before, text].flat()
    } else if (reader?.multiplicity === 'commas') values[name] = split(text).map(reader.read)
    else values[name] = reader === undefined ? text : reader.read(text)
  }
  return values
}

/** Why a query, or a form, is not read. */
export type QueryFault = 'repeated' | 'malformed-encoding' | 'ambiguous'

/** `+` is a space in forms and, to most who read them, in queries. */
const decoded = (text: string): string => decodeURIComponent(text.includes('+') ? text.replaceAll('+', ' ') : text)

/**
 * Reads a query or a form (URL Standard, application/x-www-form-urlencoded), as strictly as readers agree on it: UTF-8,
 * no bare `;`, at which some cut, and no encoded comma in a list between commas.
 */
export function readQuery(text: string, readers: ReadonlyMap<string, TextReader>): Named | QueryFault {
  if (text.includes(';')) return 'ambiguous'
  const pairs: [string, string][] = []
  try {
    for (const pair of text.split('&')) {
      if (pair === '') continue
      const at = pair.indexOf('=')
      const name = decoded(at === -1 ? pair : pair.slice(0, at))
      const value = at === -1 ? '' : pair.slice(at + 1)
      // Some cut before they decode, others after.
      if (/%2c/i.test(value) && readers.get(name)?.multiplicity === 'commas') return 'ambiguous'
      pairs.push([name, decoded(value)])
    }
    return readTexts(pairs, readers, (value) => value.split(','))
  } catch {
    return 'malformed-encoding'
  }
}
