import type { DeclaredRoute } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { errors } from './errors.ts'
import type { Profile } from './profiles.ts'
import { compileRichText, hasMember, type JsonSchema, RICH_TEXT, type Transform } from './rich-text.ts'

type Done = (error: Error | null, payload?: unknown) => void
type PreSerialization = (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done) => void

/** One route whose answers may hold rich text: sanitised after every hook of others, before the serializer. */
export class RichRoute {
  readonly #route: DeclaredRoute
  /** By the key under which Fastify finds the response's schema; null: this one has no rich text. */
  #transforms: ReadonlyMap<string, Transform | null> | null = null

  constructor(route: DeclaredRoute) {
    this.#route = route
    const hook: PreSerialization = (_request, reply, payload, done) => {
      try {
        done(null, this.#transformOf(reply.statusCode)?.(payload) ?? payload)
      } catch (error) {
        done(error as Error)
      }
    }
    keepLast(route.options, hook, () => this.#mayBeRich())
  }

  /** Reads the route's response schemas. */
  settle(profile: Profile): void {
    if (!this.#mayBeRich()) return
    const { methods, url, scope } = this.#route
    const name = `${methods.join('|')} ${url}`
    const reading = {
      profile,
      shared: scope.getSchemas(),
      unknownProfile(mediaType: string): never {
        throw new errors.PTC_XSS_PROFILE_UNKNOWN(mediaType)
      },
      encoded(encoding: string): never {
        throw new errors.PTC_XSS_SCHEMA_ENCODED(name, encoding)
      },
      unresolved(ref: string): never {
        throw new errors.PTC_XSS_SCHEMA_UNRESOLVED(name, ref)
      },
    }
    const transforms = responsesOf(this.#route).map(([status, schemas]) => {
      const found = schemas.flatMap((schema) => compileRichText(schema, reading) ?? [])
      const run = found.length === 0 ? null : (value: unknown) => found.reduce((current, next) => next(current), value)
      return [status.toLowerCase(), run] as const
    })
    if (transforms.some(([, run]) => run !== null)) this.#transforms = new Map(transforms)
  }

  #mayBeRich(): boolean {
    const responses = responsesOf(this.#route)
    return (
      hasMember(responses, RICH_TEXT) ||
      (hasMember(responses, '$ref') && hasMember(this.#route.scope.getSchemas(), RICH_TEXT))
    )
  }

  /** Fastify takes a status's own schema, then its class's, then the default one. */
  #transformOf(status: number): Transform | null | undefined {
    const transforms = this.#transforms
    if (transforms === null) return null
    for (const key of [String(status), `${Math.trunc(status / 100)}xx`])
      if (transforms.has(key)) return transforms.get(key)
    return transforms.get('default')
  }
}

/**
 * Keeps a hook behind those that onRoute hooks add to the route later, or put in their place: tracing wraps every hook
 * of a route, and what a hook behind ours adds to an answer would leave as it was written. Fastify reads the list when
 * all routes are known.
 */
function keepLast(options: DeclaredRoute['options'], hook: PreSerialization, isNeeded: () => boolean): void {
  let given: unknown[] = []
  let taken = 0
  const hooks: unknown[] = []
  const put = (value: unknown): void => {
    if (value === hooks) return
    // People share lists of hooks between routes: theirs is read, not written to.
    given = Array.isArray(value) ? value : [value ?? []].flat()
    taken = 0
    hooks.length = 0
  }
  put(options.preSerialization)
  Object.defineProperty(options, 'preSerialization', {
    enumerable: true,
    configurable: true,
    set: put,
    get() {
      const added = given.slice(taken)
      taken = given.length
      const others = [...hooks, ...added].filter((one) => one !== hook)
      hooks.splice(0, hooks.length, ...others, ...(isNeeded() ? [hook] : []))
      return hooks
    },
  })
}

/** A route's response schemas, by status: each has one, or one for each media type. */
function responsesOf({ options }: DeclaredRoute): [status: string, schemas: (JsonSchema | null)[]][] {
  const response = options.schema?.response
  if (typeof response !== 'object' || response === null) return []
  return Object.entries(response).map(([status, one]) => {
    const content = (one as { content?: unknown } | null)?.content
    const schemas =
      typeof content === 'object' && content !== null
        ? Object.values(content).map(({ schema }: { schema?: unknown }) => schema)
        : [one]
    return [status, schemas.map(jsonSchemaOf)]
  })
}

/** How fluent-json-schema marks its own, as Fastify knows it. */
const FLUENT = Symbol.for('fluent-schema-object')

/** What schemas of other makes have told: each makes its JSON Schema anew whenever it is asked. */
const told = new WeakMap<object, JsonSchema | null>()

function jsonSchemaOf(schema: unknown): JsonSchema | null {
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return null
  if ('isFluentSchema' in schema || FLUENT in schema) return schema.valueOf() as JsonSchema
  if (!('~standard' in schema)) return schema as JsonSchema
  const before = told.get(schema)
  if (before !== undefined) return before
  const json = tells(schema['~standard'] as StandardJsonSchema)
  told.set(schema, json)
  return json
}

interface StandardJsonSchema {
  readonly jsonSchema?: Record<'input' | 'output', (how: object) => JsonSchema>
}

/**
 * Zod and others tell their JSON Schema by the Standard Schema interface; null for what tells none.
 * What it gives out is what leaves; what it takes in is what it was given, where the two differ and one is no JSON.
 */
function tells({ jsonSchema }: StandardJsonSchema): JsonSchema | null {
  for (const side of ['output', 'input'] as const) {
    try {
      return jsonSchema?.[side]({ target: 'draft-2020-12' }) ?? null
    } catch {
      // Transforms have none on this side.
    }
  }
  return null
}
