import { folded } from './names.ts'
import { MALFORMED, type Spelling, type TextReader } from './spellings.ts'

/** An object without a prototype: every name is an ordinary one. */
export type Named = Record<string, unknown>

/** Why texts are not read. */
export type TextsFault = 'repeated' | 'malformed'

type Split = (text: string) => readonly string[]

/** `name[member]`. Deeper ones no specification knows. */
const MEMBER = /^([^[\]]+)\[([^[\]]*)\]$/

/**
 * Texts by name, as one reader for each name says. Names without one: the text, or a list of those that came.
 * @param commas cuts a text at its commas
 */
export function readTexts(
  pairs: readonly (readonly [name: string, text: string])[],
  readers: ReadonlyMap<string, TextReader>,
  commas: Split,
): Named | TextsFault {
  const values: Named = { __proto__: null }
  for (const [name, text] of pairs) {
    const fault = readOne(values, name, text, readers, commas)
    if (fault !== null) return fault
  }
  return values
}

function readOne(
  values: Named,
  name: string,
  text: string,
  readers: ReadonlyMap<string, TextReader>,
  commas: Split,
): TextsFault | null {
  const reader = readers.get(name)
  if (reader === undefined) {
    const [, base = '', member = ''] = MEMBER.exec(name) ?? []
    const holder = readers.get(base)
    if (holder?.spelling === 'members') return putMember(values, base, member, text, holder.members.get(member))
    const { [name]: before } = values
    if (Array.isArray(before)) before.push(text)
    else values[name] = before === undefined ? text : [before, text]
    return null
  }
  if (reader.of !== undefined) return putMember(values, reader.of, name, text, reader)
  if (reader.spelling === 'repeated') return append(values, name, reader.read(text))
  if (values[name] !== undefined) return 'repeated'
  const value = valueOf(text, reader, commas)
  if (value === MALFORMED) return 'malformed'
  values[name] = value
  return value === REPEATED ? 'repeated' : null
}

function append(values: Named, name: string, value: unknown): null {
  const { [name]: before } = values
  if (before === undefined) values[name] = [value]
  else (before as unknown[]).push(value)
  return null
}

function putMember(
  values: Named,
  base: string,
  name: string,
  text: string,
  reader: TextReader | undefined,
): TextsFault | null {
  const object = (values[base] ??= { __proto__: null }) as Named
  // It came as a text of its own as well.
  if (typeof object !== 'object') return 'repeated'
  if (reader?.spelling === 'repeated') return append(object, name, reader.read(text))
  if (object[name] !== undefined) return 'repeated'
  object[name] = reader === undefined ? text : reader.read(text)
  return null
}

const REPEATED = Symbol('repeated')

/** The value of the only text of a name. */
function valueOf(text: string, { spelling, read, members, behind }: TextReader, commas: Split): unknown {
  switch (spelling) {
    case 'label':
    case 'dots':
      return valueBehind(text, behind as TextReader, spelling)
    case 'commas':
      return commas(text).map(read)
    case 'spaces':
      return text.split(' ').map(read)
    case 'pipes':
      return text.split('|').map(read)
    case 'pairs':
      return objectOf(inPairs(commas(text)), members)
    case 'assigned':
      return objectOf(commas(text).map(assignment), members)
    default:
      return read(text)
  }
}

/** What stands behind the dot of a label. Several values have none that is empty: who skips those counts others. */
function valueBehind(text: string, reader: TextReader, spelling: 'label' | 'dots'): unknown {
  if (!text.startsWith('.')) return MALFORMED
  const value = text.slice(1)
  if (reader.spelling === 'one') return reader.read(value)
  const values = value.split(spelling === 'dots' ? '.' : ',')
  // OpenAPI 3.1.0 §4.8.12.4 showed dots between them in either case; RFC 6570 and 3.1.1 have commas.
  if (values.includes('') || (spelling === 'label' && value.includes('.'))) return MALFORMED
  return valueOf(value, reader, () => values)
}

const inPairs = (texts: readonly string[]): (readonly string[])[] =>
  texts.flatMap((_text, at) => (at % 2 === 0 ? [texts.slice(at, at + 2)] : []))

function assignment(text: string): readonly string[] {
  const at = text.indexOf('=')
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 1)]
}

function objectOf(pairs: readonly (readonly string[])[], members: ReadonlyMap<string, TextReader>): unknown {
  const object: Named = { __proto__: null }
  for (const [name = '', text] of pairs) {
    if (text === undefined) return MALFORMED
    if (object[name] !== undefined) return REPEATED
    const reader = members.get(name)
    object[name] = reader === undefined ? text : reader.read(text)
  }
  return object
}

/**
 * Compiles whether among values, where other names may be, one is in the place of a name that is told, to careless readers.
 * @param forbidden names that are told to be absent
 */
export function compileHiding(
  readers: ReadonlyMap<string, TextReader>,
  forbidden: ReadonlySet<string>,
): (values: Named) => boolean {
  const told = new Set([...[...readers].map(([name, { of }]) => of ?? name), ...readers.keys(), ...forbidden])
  const places = new Set([...told].map(folded))
  return (values) => {
    for (const name in values) if (!told.has(name) && places.has(folded(name))) return true
    return false
  }
}

/** Why a query, or a form, is not read. */
export type QueryFault = TextsFault | 'malformed-encoding' | 'ambiguous'

/** `+` is a space in forms and, to most who read them, in queries. */
const decoded = (text: string): string => decodeURIComponent(text.includes('+') ? text.replaceAll('+', ' ') : text)

/** Spellings with commas, at which some cut before they decode, others after. */
export const WITH_COMMAS: ReadonlySet<Spelling | 'one' | undefined> = new Set(['commas', 'pairs', 'assigned'])

/**
 * Reads a query or a form (URL Standard, application/x-www-form-urlencoded), as strictly as readers agree on it: UTF-8,
 * no bare `;`, at which some cut, and no encoded comma in what is cut at commas.
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
      if (/%2c/i.test(value) && WITH_COMMAS.has(readers.get(name)?.spelling)) return 'ambiguous'
      pairs.push([name, decoded(value)])
    }
  } catch {
    return 'malformed-encoding'
  }
  return readTexts(pairs, readers, (value) => value.split(','))
}
