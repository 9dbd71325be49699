import type { Notes } from './notes.ts'
import { saysOfBytes } from './bytes.ts'
import { essenceOf, isJson, PLAIN } from './media-types.ts'
import { isPartName } from './multipart.ts'
import { membersIn, readingOf } from './members.ts'
import { followed, inOptions, isObject, type Place, within } from './pointer.ts'
import { itemsOf, typesOf } from './shapes.ts'
import { textFault } from './spellings.ts'

/** How the parts of one name are read (OpenAPI 3.1 §4.8.15). */
export interface PartTerms {
  /** As text; as a document; as bytes, which a file name tells from text. */
  readonly kind: 'text' | 'json' | 'bytes'
  /** Media types that they may say they are. Null: any. */
  readonly types: readonly string[] | null
  /** There may be several. */
  readonly list: boolean
  /** The schema of them all. */
  readonly place: Place
}

/** Reads how the parts of a form are written. @param holder what is said of the form: `schema`, `encoding` */
export function readParts(place: Place, holder: Place, notes: Notes): ReadonlyMap<string, PartTerms> {
  const { named, others } = membersIn(place)
  notes.encodingsOf(named, holder)
  for (const other of others) notes.unnamed(other)
  const all = [...named].flatMap(([name, places]): [string, PartTerms][] => {
    const encoding = within(holder, 'encoding', name)
    for (const word of ['headers', 'style', 'explode', 'allowReserved']) {
      const said = within(encoding, word)
      if (said.value === undefined) continue
      notes.remove(said, 'encoding-unsupported', 'says of parts what is not read; remove it')
    }
    const first = places.find(tells) ?? (places[0] as Place)
    if (!isPartName(name)) {
      notes.remove(first, 'part-name', 'has a name that readers of forms read in different ways; rename it')
    }
    const { contentType } = isObject(encoding.value) ? encoding.value : {}
    const said = contentType === undefined ? null : typesIn(contentType)
    if (said !== null && kindOf(said, null) === null) {
      const message = 'names no media types that are read in one way; name those of files, or of one kind of document'
      notes.remove(within(encoding, 'contentType'), 'part-type', message)
      return []
    }
    const terms = termsOf(first, said)
    if (typeof terms !== 'string') {
      notes.alike(
        places,
        first,
        (one) => (one === first || tells(one) ? wayOf(termsOf(one, said)) : null),
        'part-untold',
      )
      for (const one of terms.kind === 'bytes' ? places : []) tellMoreOfBytes(one, terms, notes)
      return [[name, terms]]
    }
    unread(first, terms, notes)
    return []
  })
  return new Map(all)
}

/** Whether a schema says what a part is. */
function tells(place: Place): boolean {
  const schema = followed(place)?.value
  const { format, contentMediaType, contentEncoding } = isObject(schema) ? schema : {}
  return typesOf(place) !== null || format === 'binary' || (contentMediaType ?? contentEncoding) !== undefined
}

/** How parts are read, in a text that is equal for those that are read alike. */
const wayOf = (terms: PartTerms | string): string =>
  typeof terms === 'string'
    ? terms
    : JSON.stringify([terms.kind, terms.list, terms.types, terms.kind === 'text' && readingOf(terms.place)])

function unread(place: Place, fault: string, notes: Notes): void {
  const value = { type: 'string', format: 'binary' }
  const message = `${fault}; write type: 'string', and format: 'binary' for bytes`
  notes.tell(place, 'part-unread', message, [{ op: 'replace', path: inOptions(place), value }])
}

/** A branch may ask more of the bytes than the schema that says what they are. */
function tellMoreOfBytes(place: Place, { list }: PartTerms, notes: Notes): void {
  const bytes = list ? itemsOf(place) : place
  if (bytes !== null && !saysOfBytes(followed(bytes)?.value, LENGTHS)) unread(place, MORE_OF_BYTES, notes)
}

/** The media types that a text lists. */
const typesIn = (text: unknown): readonly string[] => (typeof text === 'string' ? text.split(',').map(essenceOf) : [])

/** @param said the media types that its encoding lists */
function termsOf(place: Place, said: readonly string[] | null): PartTerms | string {
  const types = typesOf(place)
  const list = types?.has('array') === true
  if (list && types.size > 1) return 'is a list or something else, which no parts tell'
  const item = list ? itemsOf(place) : place
  if (item === null) return 'is a list whose items have no type'
  const schema = followed(item)?.value
  const { contentMediaType, contentEncoding, format } = isObject(schema) ? schema : {}
  if (contentEncoding !== undefined) return 'is encoded, which parts are not (RFC 7578 §4.7)'
  const all = said ?? (contentMediaType === undefined ? null : typesIn(contentMediaType))
  const kind = all === null && format === 'binary' ? 'bytes' : kindOf(all, typesOf(item))
  if (kind === null) return 'has a contentMediaType that is no media type'
  if (kind === 'json') {
    return said === null && all !== null
      ? 'is JSON in a text, where a part can be the JSON'
      : { kind, list, place, types: all ?? ['application/json'] }
  }
  if (kind === 'bytes') return saysOfBytes(schema, LENGTHS) ? { kind, list, place, types: all } : MORE_OF_BYTES
  if (typesOf(item)?.has('array')) return 'is a list of lists, which no parts tell'
  return textFault(item, 'repeated') ?? { kind, list, place, types: [PLAIN] }
}

const LENGTHS: readonly string[] = ['minLength', 'maxLength']
const MORE_OF_BYTES = 'asks something of bytes beside minLength and maxLength'
/** RFC 6838 §4.2; ranges too. */
const TYPE = /^[\w!#$&^.+-]+\/(?:[\w!#$&^.+-]+|\*)$|^\*\/\*$/

/** By what is said of its media type, else by what its schema is of. Null: what is said is of no one kind. */
function kindOf(said: readonly string[] | null, types: ReadonlySet<string> | null): PartTerms['kind'] | null {
  if (said === null) return types === null ? 'bytes' : types.size === 1 && types.has('object') ? 'json' : 'text'
  if (said.length === 0 || !said.every((type) => TYPE.test(type))) return null
  if (said.every(isJson)) return 'json'
  if (said.every((type) => type === PLAIN)) return 'text'
  return said.some(isJson) ? null : 'bytes'
}
