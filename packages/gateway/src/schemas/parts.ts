import type { Notes } from './described.ts'
import { saysOfBytes } from './bytes.ts'
import { essenceOf, isJson, PLAIN } from './media-types.ts'
import { isPartName } from './multipart.ts'
import { followed, inOptions, isObject, membersOf, type Place, token, within } from './pointer.ts'
import { itemsOf, textFault, typesOf } from './spellings.ts'

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
  const members = membersOf(place)
  const names = new Set(members.map(([name]) => name))
  const all = members.flatMap(([name, member]): [string, PartTerms][] => {
    const encoding = within(holder, 'encoding', name)
    for (const word of ['headers', 'style', 'explode', 'allowReserved']) {
      const said = within(encoding, word)
      if (said.value === undefined) continue
      notes.remove(said, 'encoding-unsupported', 'says of parts what is not read; remove it')
    }
    if (!isPartName(name)) {
      notes.remove(member, 'part-name', 'has a name that readers of forms read in different ways; rename it')
    }
    const { contentType } = isObject(encoding.value) ? encoding.value : {}
    const said = contentType === undefined ? null : typesIn(contentType)
    if (said !== null && kindOf(said, null) === null) {
      const message = 'names no media types that are read in one way; name those of files, or of one kind of document'
      notes.remove(within(encoding, 'contentType'), 'part-type', message)
      return []
    }
    const terms = termsOf(member, said)
    if (typeof terms !== 'string') return [[name, terms]]
    const at = inOptions(member)
    const value = { type: 'string', format: 'binary' }
    const message = `${terms}; write type: 'string', and format: 'binary' for bytes`
    notes.tell(member, 'part-unread', message, [{ op: 'replace', path: at, value }])
    return []
  })
  tellOfChoices(place, names, notes)
  const { encoding: said } = isObject(holder.value) ? holder.value : {}
  for (const name of isObject(said) ? Object.keys(said) : []) {
    if (names.has(name)) continue
    notes.remove(within(holder, 'encoding', name), 'encoding-unknown', 'is of no property of the form; remove it')
  }
  return new Map(all)
}

/** Tells of properties that only one of several forms has: what their parts are has to be known before which form it is. */
function tellOfChoices(place: Place, names: ReadonlySet<string>, notes: Notes): void {
  const form = followed(place)
  const schema = form?.value
  if (form === null || !isObject(schema)) return
  for (const word of ['oneOf', 'anyOf', 'allOf']) {
    const { [word]: branches } = schema
    for (const i of Array.isArray(branches) ? branches.keys() : []) {
      const branch = within(form, word, i)
      if (word === 'allOf') {
        tellOfChoices(branch, names, notes)
        continue
      }
      for (const [name, { value }] of membersOf(branch)) {
        if (names.has(name)) continue
        const path = `${inOptions(form)}/properties`
        const fix = isObject(schema['properties'])
          ? ({ op: 'add', path: `${path}/${token(name)}`, value } as const)
          : ({ op: 'add', path, value: { [name]: value } } as const)
        const message = `has a property '${name}' that the form itself has not, whose parts are not told; write it there too`
        notes.tell(branch, 'part-untold', message, [fix])
      }
    }
  }
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
