import type { Finding } from '@portcullis/kernel'
import { saysNothing } from './bytes.ts'
import { inspectSchema } from './inspect.ts'
import { essenceOf, isJson } from './media-types.ts'
import { spellingOf } from './parameters.ts'
import { type PartTerms, readParts } from './parts.ts'
import { followed, inOptions, isObject, membersOf, type Place, wholeOf, within } from './pointer.ts'
import { isObjectOnly, OF_OBJECTS, type Spelling, textFault } from './spellings.ts'

/** What is said of the texts of one part of a request: by one schema of them all, or by one of each name. */
export type Texts =
  | { readonly whole: Place }
  | {
      readonly properties: Readonly<Record<string, Place>>
      readonly required: readonly string[]
      /** How the values of a name are written. */
      readonly spellings: Readonly<Record<string, Spelling>>
    }

/** What is said of a body of one media type. Null: nothing. */
export interface Content {
  /** How it is read; `unread`: it passes as it is. */
  readonly kind: 'json' | 'form' | 'parts' | 'unread'
  readonly place: Place | null
  /** Of a form: how its members are written. */
  readonly spellings?: Readonly<Record<string, Spelling>>
  /** Of a form with parts: how they are written. */
  readonly parts?: ReadonlyMap<string, PartTerms>
}

/** Bodies by media type, in lower case and without parameters. None: there is no body. */
export type Contents = ReadonlyMap<string, Content>

/** Answers by status: `200`, `2xx`, `default`. */
export type Responses = ReadonlyMap<string, { readonly contents: Contents; readonly fields: Texts | null }>

/** What is said of the messages of one route. Null: nothing, and everything passes. */
export interface Described {
  /** By the names in the route's path. */
  readonly params: Texts | null
  readonly query: Texts | null
  /** By lower-case names. */
  readonly headers: Texts | null
  readonly cookies: Texts | null
  readonly body: { readonly required: boolean; readonly contents: Contents } | null
  readonly responses: Responses | null
}

/** What is wrong with descriptions. Schemas that many refer to are told of once. */
export class Notes {
  readonly findings: Finding[] = []
  readonly #seen = new Set<string>()
  readonly #told = new Set<string>()
  readonly #looks: boolean

  /** @param looks whether schemas are looked through: once is enough */
  constructor(looks = true) {
    this.#looks = looks
  }

  /** Once: many may refer to what is told of. */
  tell(place: Place, rule: string, message: string, fix: Finding['fix']): void {
    const at = inOptions(place)
    if (this.#told.has(`${rule} ${at}`)) return
    this.#told.add(`${rule} ${at}`)
    this.findings.push({ at, rule, message, fix })
  }

  remove(place: Place, rule: string, message: string): void {
    this.tell(place, rule, message, [{ op: 'remove', path: inOptions(place) }])
  }

  /** Looks a schema through. */
  schema(place: Place): void {
    if (this.#looks) this.findings.push(...inspectSchema(place, this.#seen))
  }

  /** Looks the schema of one parameter through, which comes as text. @param spelling how it is written */
  text(place: Place, spelling: Spelling): void {
    if (!this.#looks) return
    const before = this.findings.length
    this.schema(place)
    const fault = this.findings.length > before ? null : textFault(place, spelling)
    if (fault === null) return
    const target = followed(place) ?? place
    const at = inOptions(target)
    // An object whose members are names of the query has to say which.
    const type = OF_OBJECTS.has(spelling) && spelling !== 'spread' ? 'object' : 'string'
    const fix =
      isObject(target.value) && !OF_OBJECTS.has(spelling)
        ? ({ op: 'add', path: `${at}/type`, value: type } as const)
        : ({ op: 'replace', path: at, value: { type } } as const)
    this.findings.push({ at, rule: 'parameter-untold', message: `${fault}; write type: '${type}'`, fix: [fix] })
  }

  /**
   * Decides how a body of a media type is read.
   * @param holder what is said of it
   * @param answers whether it is that of an answer, of which forms are not read
   */
  content(type: string, holder: Place, answers = false): Content {
    const essence = essenceOf(type)
    const place = within(holder, 'schema')
    if (place.value === undefined) return { kind: isJson(essence) ? 'json' : 'unread', place: null }
    if (isJson(essence) || (essence.endsWith('*') && !saysNothing(place))) {
      this.schema(place)
      return { kind: 'json', place }
    }
    if (essence === 'application/x-www-form-urlencoded' && !answers) {
      this.schema(place)
      return { kind: 'form', place, spellings: this.#formSpellings(place, holder) }
    }
    if (saysNothing(place)) return { kind: 'unread', place: null }
    if (essence === 'multipart/form-data' && !answers) return this.#parts(place, holder)
    const message = `asks something of ${essence}, which is not read here; remove it: such bodies pass as they are`
    this.remove(place, 'media-type-unread', message)
    return { kind: 'unread', place: null }
  }

  #parts(place: Place, holder: Place): Content {
    const before = this.findings.length
    this.schema(place)
    if (this.findings.length > before) return { kind: 'unread', place: null }
    if (!isObjectOnly(place)) {
      const message = "is of a form, which is an object; write type: 'object'"
      const fix = { op: 'add', path: `${inOptions(followed(place) ?? place)}/type`, value: 'object' } as const
      this.tell(place, 'form-untold', message, [fix])
    }
    return { kind: 'parts', place, parts: readParts(place, holder, this) }
  }

  /** How the members of a form are written: as `encoding` says, else as those of a query (OpenAPI 3.1 §4.8.15). */
  #formSpellings(place: Place, holder: Place): Readonly<Record<string, Spelling>> {
    const members = membersOf(place).map(([name, member]): [string, Spelling] => {
      const encoding = within(holder, 'encoding', name)
      const { contentType, style, explode } = isObject(encoding.value) ? encoding.value : {}
      // Objects are documents, unless a style says otherwise.
      const json =
        style === undefined && explode === undefined && (contentType === 'application/json' || isObjectOnly(member))
      const spelling = json ? 'json' : spellingOf(encoding, 'query', member, this)
      this.text(member, spelling)
      return [name, spelling]
    })
    return Object.fromEntries(members)
  }
}

/** A route's own schemas, as a Fastify route writes them. */
export interface OwnSchemas {
  readonly body?: object | boolean
  readonly querystring?: object | boolean
  readonly params?: object | boolean
  readonly headers?: object | boolean
  readonly response?: Readonly<Record<string, object | boolean>>
}

/**
 * Reads a route's own schemas.
 * @param at JSON Pointer to them in the gateway's options
 * @param answers whether answers are judged too
 */
export function describeOwn(schemas: OwnSchemas, at: string, answers: boolean, notes: Notes): Described {
  const whole = (part: keyof OwnSchemas): Texts | null => {
    const { [part]: schema } = schemas
    if (schema === undefined) return null
    const place = placeOf(schema, `${at}/${part}`)
    notes.schema(place)
    const spelling = part === 'headers' ? 'commas' : 'repeated'
    for (const [name, inner] of membersOf(place)) if (name !== '*') notes.text(inner, spelling)
    return { whole: place }
  }
  const json = (schema: object | boolean, where: string): Contents => {
    const place = placeOf(schema, where)
    notes.schema(place)
    return new Map([['application/json', { kind: 'json', place }]])
  }
  const { body, response } = schemas
  return {
    params: whole('params'),
    query: whole('querystring'),
    headers: whole('headers'),
    cookies: null,
    body: body === undefined ? null : { required: true, contents: json(body, `${at}/body`) },
    responses:
      response === undefined || !answers
        ? null
        : new Map(
            Object.entries(response).map(([status, schema]) => [
              status.toLowerCase(),
              { contents: json(schema, `${at}/response/${status}`), fields: null },
            ]),
          ),
  }
}

/** A boolean schema in the words of an object. */
function placeOf(schema: object | boolean, at: string): Place {
  const root = typeof schema === 'boolean' ? (schema ? {} : { not: {} }) : schema
  return wholeOf(root, at)
}
