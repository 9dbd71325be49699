import { readJson } from './json.ts'
import { membersOf } from './members.ts'
import { followed, isObject, type Place } from './pointer.ts'
import { isObjectOnly, itemsOf, typesOf } from './shapes.ts'

/**
 * How the values of a name are written: by repeating the name; with a delimiter between them; as members `name[member]`;
 * as `member,value` or `member=value` between commas; as members that are names of their own; as a JSON document; behind
 * a dot, with commas between them or with dots (RFC 6570 §3.2.5).
 */
export type Spelling =
  | 'repeated'
  | 'commas'
  | 'spaces'
  | 'pipes'
  | 'members'
  | 'pairs'
  | 'assigned'
  | 'spread'
  | 'json'
  | 'label'
  | 'dots'

/** How the texts of one name become a value. */
export interface TextReader {
  /** `one`: a single text. */
  readonly spelling: Spelling | 'one'
  /** One text. What its schema does not name stays a text, for the schema to refuse. */
  readonly read: (text: string) => unknown
  /** Of an object: its members. Others are texts. */
  readonly members: ReadonlyMap<string, TextReader>
  /** It is a member of that object, under a name of its own. */
  readonly of?: string
  /** How what stands behind the dot is written. */
  readonly behind?: TextReader
}

/** A decimal as JSON spells one (RFC 8259 §6), without an exponent: no `0x10`, ` 1`, `1e3`. */
const DECIMAL = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/

function numberOf(text: string): number | null {
  if (!DECIMAL.test(text)) return null
  const value = Number(text)
  // Beyond this, a number is read as its neighbour.
  return text.replace(/[-.]/g, '').length <= 15 || Number.isSafeInteger(value) ? value : null
}

/** Spellings that an object has. */
export const OF_OBJECTS: ReadonlySet<Spelling> = new Set(['members', 'pairs', 'assigned', 'spread'])

/** Why a parameter's schema tells no text from another: it is of no type, or of one that its spelling does not write. */
export function textFault(place: Place, spelling: Spelling): string | null {
  if (spelling === 'json') return null
  if (spelling === 'label' || spelling === 'dots') return textFault(place, behindDot(place, spelling))
  const types = typesOf(place)
  if (types === null) return 'has no type: what a text means is not known'
  const objects = OF_OBJECTS.has(spelling)
  if (types.has('object')) {
    if (types.size > 1) return 'is an object or something else, which no text tells'
    if (!objects) return 'is an object, which no text of a parameter spells here'
    if (spelling === 'spread' && isOpen(place)) return 'is an object of any names, which no query tells from others'
    // Of a list within an object, no style says how it is written; between brackets, names are repeated.
    const inner = spelling === 'members' ? 'repeated' : null
    return (
      membersOf(place)
        .map(([, member]) => memberFault(member, inner))
        .find((fault) => fault !== null) ?? null
    )
  }
  if (objects) return 'is no object, which its style is for'
  return memberFault(place, spelling)
}

function memberFault(place: Place, spelling: Spelling | null): string | null {
  const types = typesOf(place)
  if (types === null) return 'has a member of no type: what a text means is not known'
  if (types.has('object')) return 'has a member that is an object, which no text spells'
  if (!types.has('array')) return null
  if (spelling === null) return 'has a member that is a list, which no text spells'
  if (types.size > 1) return 'is a list or something else, which no text tells'
  const items = itemsOf(place)
  const inner = items === null ? null : typesOf(items)
  if (inner === null) return 'is a list whose items have no type'
  return inner.has('array') || inner.has('object') ? 'is a list of what no text spells' : null
}

/** Whether members that an object does not name may be there all the same. What says nothing of them names all. */
function isOpen(place: Place): boolean {
  const here = followed(place)
  const schema = here === null ? undefined : here.value
  return (isObject(schema) && (schema['additionalProperties'] ?? false) !== false) || membersOf(place).length === 0
}

/** How values are written behind the dot of a label; with dots between them, where a style in the path has commas. */
const behindDot = (place: Place, spelling: 'label' | 'dots'): Spelling =>
  !isObjectOnly(place) ? 'commas' : spelling === 'dots' ? 'assigned' : 'pairs'

/** What no document is. */
export const MALFORMED: unique symbol = Symbol('malformed')

const NO_MEMBERS: ReadonlyMap<string, TextReader> = new Map()

/** Compiles how texts are read. @param spelling how several values are written, where the schema is of several */
export function compileText(place: Place, spelling: Spelling): TextReader {
  const types = typesOf(place) ?? new Set()
  if (spelling === 'json') return { spelling, read: readDocument, members: NO_MEMBERS }
  if (spelling === 'label' || spelling === 'dots') {
    return { spelling, read: asText, members: NO_MEMBERS, behind: compileText(place, behindDot(place, spelling)) }
  }
  if (types.has('array')) {
    const items = itemsOf(place)
    return { spelling, read: scalar((items === null ? null : typesOf(items)) ?? new Set()), members: NO_MEMBERS }
  }
  if (types.has('object') && OF_OBJECTS.has(spelling)) {
    const members = membersOf(place).map(([name, member]) => [name, compileText(member, 'repeated')] as const)
    return { spelling, read: asText, members: new Map(members) }
  }
  return { spelling: 'one', read: scalar(types), members: NO_MEMBERS }
}

/** Compiles the readers of names: those of objects whose members are names of their own stand beside them. */
export function compileTexts(
  named: readonly (readonly [name: string, place: Place])[],
  spellingOf: (name: string) => Spelling,
): ReadonlyMap<string, TextReader> {
  const all = named.map(([name, place]) => [name, compileText(place, spellingOf(name))] as const)
  const readers = new Map(all)
  for (const [name, { spelling, members }] of all) {
    if (spelling !== 'spread') continue
    readers.delete(name)
    for (const [member, reader] of members) if (!readers.has(member)) readers.set(member, { ...reader, of: name })
  }
  return readers
}

const asText = (text: string): unknown => text

function readDocument(text: string): unknown {
  const reading = readJson(Buffer.from(text))
  return 'value' in reading ? reading.value : MALFORMED
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
