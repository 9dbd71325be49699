import type { Texts } from './described.ts'
import type { Notes } from './notes.ts'
import { inOptions, isObject, objectAt, type Place, within } from './pointer.ts'
import { isObjectOnly } from './shapes.ts'
import type { Spelling } from './spellings.ts'

/** A parameter of a request, or a header field of an answer. */
export interface Parameter {
  readonly name: string
  readonly in: string
  readonly required: boolean
  readonly place: Place
  readonly spelling: Spelling
}

/** Styles that are read, the default first. */
const STYLES: Readonly<Record<string, readonly [string, ...string[]]>> = {
  path: ['simple', 'label'],
  query: ['form', 'spaceDelimited', 'pipeDelimited', 'deepObject'],
  header: ['simple'],
  cookie: ['form'],
}

/** Fields that parameters do not describe (OpenAPI 3.1 §4.8.12.1). */
const OF_HTTP: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization'])

/** Reads the parameters of a path item or an operation. */
export function readParameters(holder: Place, notes: Notes): Parameter[] {
  const list = within(holder, 'parameters').value
  if (!Array.isArray(list)) return []
  return [...list.keys()].flatMap((i): Parameter[] => {
    const written = within(holder, 'parameters', i)
    const found = objectAt(written)
    const { name, in: where } = found?.value ?? {}
    if (found === null || typeof name !== 'string' || typeof where !== 'string' || !Object.hasOwn(STYLES, where)) {
      notes.remove(written, 'parameter-malformed', 'is no parameter of a path, query, header or cookie; mend it')
      return []
    }
    if (where === 'header' && OF_HTTP.has(name.toLowerCase())) return []
    return [readParameter(found.place, name, where, notes)]
  })
}

/** Reads the header fields of an answer (OpenAPI 3.1 §4.8.21: parameters but for their names, and no Content-Type). */
export function readFields(response: Place, notes: Notes): Texts {
  const { headers } = objectAt(response)?.value ?? {}
  const fields = Object.keys(isObject(headers) ? headers : {}).flatMap((name): Parameter[] => {
    const written = within(response, 'headers', name)
    const found = objectAt(written)
    if (found === null) {
      notes.remove(written, 'header-malformed', 'leads nowhere in the document; mend it')
      return []
    }
    return name.toLowerCase() === 'content-type' ? [] : [readParameter(found.place, name, 'header', notes)]
  })
  return textsOf(fields, 'header', (name) => name.toLowerCase())
}

function readParameter(place: Place, name: string, where: string, notes: Notes): Parameter {
  const { required, content } = place.value as Readonly<Record<string, unknown>>
  const one = { name, in: where, required: required === true }
  if (content === undefined) {
    const schema = within(place, 'schema')
    const spelling = spellingOf(place, where, schema, notes)
    notes.text(schema, spelling)
    return { ...one, place: schema, spelling }
  }
  const types = isObject(content) ? Object.keys(content) : []
  const schema = within(place, 'content', 'application/json', 'schema')
  if (types.length === 1 && types[0] === 'application/json' && schema.value !== undefined) notes.schema(schema)
  else {
    const at = inOptions(place)
    const message = "is a document within a parameter, of which JSON alone is read; write schema: { type: 'string' }"
    notes.tell(within(place, 'content'), 'parameter-content', message, [
      { op: 'remove', path: `${at}/content` },
      { op: 'add', path: `${at}/schema`, value: { type: 'string' } },
    ])
  }
  return { ...one, place: schema, spelling: 'json' }
}

/** How the values of a parameter are written: by `style`, `explode`, and whether they are objects (§4.8.12.2). */
export function spellingOf(holder: Place, where: string, schema: Place, notes: Notes): Spelling {
  const { style: written, explode } = (holder.value ?? {}) as Readonly<Record<string, unknown>>
  const [usual, ...others] = STYLES[where] as readonly [string, ...string[]]
  const style = typeof written === 'string' && others.includes(written) ? written : usual
  if (written !== undefined && written !== style) {
    const message =
      where === 'path' && written === 'matrix'
        ? "is cut off by servers that take a ';' for the end of a segment, and refused in every path; remove it"
        : `is not read here; write style: '${usual}', or remove it`
    notes.remove(within(holder, 'style'), 'style-unsupported', message)
  }
  const object = isObjectOnly(schema)
  if (style === 'deepObject') return 'members'
  if (style === 'label') return explode === true ? 'dots' : 'label'
  if (style !== 'form' && style !== 'simple') {
    if (explode === true) {
      const message = `says nothing beside style: '${style}'; remove it`
      notes.remove(within(holder, 'explode'), 'style-unsupported', message)
    }
    return style === 'spaceDelimited' ? 'spaces' : 'pipes'
  }
  if (style === 'simple') return !object ? 'commas' : explode === true ? 'assigned' : 'pairs'
  if (explode === false) return object ? 'pairs' : 'commas'
  return object ? 'spread' : 'repeated'
}

/** What is said of the texts of one part of a message. */
export function textsOf(all: readonly Parameter[], where: string, named: (name: string) => string): Texts {
  const here = all.filter((one) => one.in === where).map((one) => ({ ...one, name: named(one.name) }))
  return {
    properties: Object.fromEntries(here.map(({ name, place }) => [name, place])),
    required: here.filter(({ required }) => required).map(({ name }) => name),
    spellings: Object.fromEntries(here.map(({ name, spelling }) => [name, spelling])),
  }
}
