import type { Notes } from './notes.ts'
import type { PartTerms } from './parts.ts'
import { type Place, wholeOf } from './pointer.ts'
import type { Spelling } from './spellings.ts'

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
    notes.members(place, part === 'headers' ? 'commas' : 'repeated')
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
