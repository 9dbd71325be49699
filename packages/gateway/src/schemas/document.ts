import { readContents, readResponses } from './contents.ts'
import type { Described } from './described.ts'
import type { Notes } from './notes.ts'
import { DIALECTS } from './inspect.ts'
import { type Parameter, readParameters, textsOf } from './parameters.ts'
import { inOptions, isObject, objectAt, type Place, within } from './pointer.ts'

type Json = Readonly<Record<string, unknown>>

/** A path in words that the document and a route have in common: parameters count, not their names. */
const inCommon = (path: string): string =>
  path
    .split('/')
    .map((segment) => (/^(?::\w+|\{[^{}]*\})$/.test(segment) ? ':' : segment))
    .join('/')

const namesIn = (path: string): string[] =>
  path.split('/').flatMap((segment) => (/^(?::(\w+)|\{([^{}]*)\})$/.exec(segment) ?? []).slice(1).filter(Boolean))

/** The templates of a document, by what they have in common with the paths of routes. */
interface Templates {
  /** Behind the paths of their servers. */
  readonly served: ReadonlyMap<string, readonly string[]>
  readonly plain: ReadonlyMap<string, readonly string[]>
}

const known = new WeakMap<object, Templates>()

function templatesIn(document: Place): Templates {
  const before = known.get(document.root)
  if (before !== undefined) return before
  const { paths } = document.root as Json
  const all = isObject(paths) ? Object.keys(paths) : []
  const served = all.flatMap((template) => {
    const { servers } = objectAt(within(document, 'paths', template))?.value ?? {}
    const bases = basesOf(servers ?? (document.root as Json)['servers'])
    return bases.map((base) => ({ template, key: inCommon(base + template) }))
  })
  const made: Templates = {
    served: new Map(
      [...Map.groupBy(served, ({ key }) => key)].map(([key, some]) => [key, some.map(({ template }) => template)]),
    ),
    plain: Map.groupBy(all, inCommon),
  }
  known.set(document.root, made)
  return made
}

/** The paths that servers begin with, variables as they are by default. */
function basesOf(servers: unknown): string[] {
  const bases = (Array.isArray(servers) ? servers : []).flatMap((server: unknown) => {
    const { url: written, variables } = isObject(server) ? server : {}
    if (typeof written !== 'string') return []
    const url = written.replaceAll(/\{([^{}]*)\}/g, (whole, name: string) => {
      const variable = isObject(variables) && Object.hasOwn(variables, name) ? variables[name] : undefined
      return isObject(variable) && typeof variable['default'] === 'string' ? variable['default'] : whole
    })
    if (url.includes('{') || !URL.canParse(url, 'https://base')) return []
    return [new URL(url, 'https://base').pathname.replace(/\/+$/, '')]
  })
  return [...new Set(bases)].filter((base) => base !== '')
}

/** The templates of a document that a route's path may be: behind a server's path, or as it stands. */
function templatesOf(document: Place, path: string): readonly string[] {
  const { served, plain } = templatesIn(document)
  const key = inCommon(path)
  return served.get(key) ?? plain.get(key) ?? []
}

/** What is wrong with a document as a whole. */
export function checkDocument(document: Place, notes: Notes): void {
  const { openapi, jsonSchemaDialect } = document.root as Json
  if (typeof openapi !== 'string' || !/^3\.1\.\d+$/.test(openapi)) {
    const path = `${document.at}/openapi`
    const message = "is another version than OpenAPI 3.1; convert the document, and write '3.1.1'"
    notes.tell(within(document, 'openapi'), 'openapi-version', message, [{ op: 'add', path, value: '3.1.1' }])
  }
  if (jsonSchemaDialect !== undefined && !DIALECTS.includes(jsonSchemaDialect as string)) {
    const message = 'is another dialect than JSON Schema 2020-12; remove it'
    notes.remove(within(document, 'jsonSchemaDialect'), 'dialect-unsupported', message)
  }
}

/**
 * Reads what a document says of a route.
 * @param path the route's public path
 * @param answers whether answers are judged too
 * @returns null if the document has no such operation
 */
export function describeOperation(
  document: Place,
  method: string,
  path: string,
  answers: boolean,
  notes: Notes,
): Described | null {
  const name = method === 'HEAD' ? 'get' : method.toLowerCase()
  const found = templatesOf(document, path).flatMap((template) => {
    const item = objectAt(within(document, 'paths', template))
    const operation = item === null ? null : objectAt(within(item.place, name))
    return item === null || operation === null ? [] : [{ template, item, operation }]
  })
  // Paths that differ in the names of their parameters are one, whose methods many a document tells apart all the same.
  const [first, ...others] = found
  if (first === undefined) return null
  const { template, item, operation } = first
  for (const { operation: twice } of others) {
    const message = `is the same operation as that of ${template}; remove it`
    notes.remove(twice.place, 'operation-duplicate', message)
  }
  const parameters = new Map<string, Parameter>()
  for (const { place } of [item, operation]) {
    for (const one of readParameters(place, notes)) parameters.set(`${one.in} ${one.name}`, one)
  }
  const all = [...parameters.values()]
  const inPath = namesIn(template)
  for (const missing of inPath.filter((one) => !parameters.has(`path ${one}`))) {
    const value = { name: missing, in: 'path', required: true, schema: { type: 'string' } }
    const listed = Array.isArray(operation.value['parameters'])
    notes.tell(operation.place, 'parameter-missing', `does not describe {${missing}}, which its path has`, [
      {
        op: 'add',
        path: `${inOptions(operation.place)}/parameters${listed ? '/-' : ''}`,
        value: listed ? value : [value],
      },
    ])
  }
  const named = namesIn(path)
  return {
    params: textsOf(all, 'path', (one) => named[inPath.indexOf(one)] ?? one),
    query: textsOf(all, 'query', (one) => one),
    headers: textsOf(all, 'header', (one) => one.toLowerCase()),
    cookies: textsOf(all, 'cookie', (one) => one),
    body: name === 'get' ? bodyOfGet(operation.place, notes) : readBody(within(operation.place, 'requestBody'), notes),
    responses: answers ? readResponses(within(operation.place, 'responses'), notes) : null,
  }
}

/** A body of GET means nothing (RFC 9110 §9.3.1), and does not travel: none can be required. */
function bodyOfGet(operation: Place, notes: Notes): null {
  const written = within(operation, 'requestBody')
  if (objectAt(written)?.value['required'] === true) {
    notes.remove(written, 'body-of-get', 'is of a body, which GET has none of; remove it')
  }
  return null
}

function readBody(written: Place, notes: Notes): Described['body'] {
  if (written.value === undefined) return { required: false, contents: new Map() }
  const found = objectAt(written)
  if (found === null) {
    notes.remove(written, 'body-malformed', 'leads nowhere in the document; mend it')
    return null
  }
  const contents = readContents(found.place, notes)
  for (const type of [...contents.keys()].filter((one) => one.includes('*'))) {
    const message = 'is a range of media types, of which some are not read here; name them'
    notes.remove(within(found.place, 'content', type), 'media-type-range', message)
  }
  return { required: found.value['required'] === true, contents }
}
