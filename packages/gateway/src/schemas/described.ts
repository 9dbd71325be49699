import type { Finding } from '@portcullis/kernel'
import { inspectSchema } from './inspect.ts'
import { followed, inOptions, isObject, membersOf, type Place, wholeOf } from './pointer.ts'
import { type Multiplicity, textFault } from './texts.ts'

/** What is said of the texts of one part of a request: by one schema of them all, or by one of each name. */
export type Texts =
  | { readonly whole: Place }
  | {
      readonly properties: Readonly<Record<string, Place>>
      readonly required: readonly string[]
      /** What several values of a name look like. */
      readonly lists: Readonly<Record<string, Exclude<Multiplicity, 'one'>>>
    }

/** What is said of a body of one media type. Null: nothing. */
export interface Content {
  /** How it is read; `unread`: it passes as it is. */
  readonly kind: 'json' | 'form' | 'unread'
  readonly place: Place | null
}

/** Bodies by media type, in lower case and without parameters. None: there is no body. */
export type Contents = ReadonlyMap<string, Content>

/** What is said of the messages of one route. Null: nothing, and everything passes. */
export interface Described {
  /** By the names in the route's path. */
  readonly params: Texts | null
  readonly query: Texts | null
  /** By lower-case names. */
  readonly headers: Texts | null
  readonly cookies: Texts | null
  readonly body: { readonly required: boolean; readonly contents: Contents } | null
  /** By status: `200`, `2xx`, `default`. */
  readonly responses: ReadonlyMap<string, Contents> | null
}

/** RFC 6839 §3.1 */
export const isJson = (essence: string): boolean => essence === 'application/json' || essence.endsWith('+json')

/** A media type without its parameters. */
export const essenceOf = (type: string): string => (type.split(';', 1)[0] as string).trim().toLowerCase()

/** What is wrong with descriptions. Schemas that many refer to are told of once. */
export class Notes {
  readonly findings: Finding[] = []
  readonly #seen = new Set<string>()
  readonly #looks: boolean

  /** @param looks whether schemas are looked through: once is enough */
  constructor(looks = true) {
    this.#looks = looks
  }

  tell(place: Place, rule: string, message: string, fix: Finding['fix']): void {
    this.findings.push({ at: inOptions(place), rule, message, fix })
  }

  remove(place: Place, rule: string, message: string): void {
    this.tell(place, rule, message, [{ op: 'remove', path: inOptions(place) }])
  }

  /** Looks a schema through. */
  schema(place: Place): void {
    if (this.#looks) this.findings.push(...inspectSchema(place, this.#seen))
  }

  /** Looks the schema of one parameter through, which comes as text. */
  text(place: Place): void {
    if (!this.#looks) return
    const before = this.findings.length
    this.schema(place)
    const fault = this.findings.length > before ? null : textFault(place)
    if (fault === null) return
    const target = followed(place) ?? place
    const at = inOptions(target)
    const fix = isObject(target.value)
      ? ({ op: 'add', path: `${at}/type`, value: 'string' } as const)
      : ({ op: 'replace', path: at, value: { type: 'string' } } as const)
    this.findings.push({ at, rule: 'parameter-untold', message: `${fault}; write type: 'string'`, fix: [fix] })
  }

  /** Decides how a body of a media type is read. */
  content(type: string, place: Place | null): Content {
    const essence = essenceOf(type)
    const schema = place === null ? undefined : place.value
    if (place === null || schema === undefined) return { kind: isJson(essence) ? 'json' : 'unread', place: null }
    if (isJson(essence) || (essence.endsWith('*') && !saysNothing(place))) {
      this.schema(place)
      return { kind: 'json', place }
    }
    if (essence === 'application/x-www-form-urlencoded') {
      this.schema(place)
      return { kind: 'form', place }
    }
    if (!saysNothing(place)) {
      const message = `asks something of ${essence}, which is not read here; remove it: such bodies pass as they are`
      this.remove(place, 'media-type-unread', message)
    }
    return { kind: 'unread', place: null }
  }
}

/** Words that ask nothing which bytes could break. */
const OF_BYTES: ReadonlySet<string> = new Set([
  'title',
  'description',
  'example',
  'examples',
  'contentMediaType',
  'contentEncoding',
])

/** Whether a schema says no more of a body than that it is bytes or text. */
function saysNothing(place: Place): boolean {
  const target = followed(place)
  const schema = target === null ? undefined : target.value
  if (schema === true) return true
  return (
    isObject(schema) &&
    Object.entries(schema).every(
      ([word, value]) =>
        OF_BYTES.has(word) ||
        word.startsWith('x-') ||
        (word === 'type' && value === 'string') ||
        (word === 'format' && value === 'binary'),
    )
  )
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
    for (const [name, inner] of membersOf(place)) if (name !== '*') notes.text(inner)
    return { whole: place }
  }
  const json = (schema: object | boolean, where: string): Contents =>
    new Map([['application/json', notes.content('application/json', placeOf(schema, where))]])
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
              json(schema, `${at}/response/${status}`),
            ]),
          ),
  }
}

/** A boolean schema in the words of an object. */
function placeOf(schema: object | boolean, at: string): Place {
  const root = typeof schema === 'boolean' ? (schema ? {} : { not: {} }) : schema
  return wholeOf(root, at)
}
