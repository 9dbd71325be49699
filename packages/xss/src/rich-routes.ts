import type { DeclaredRoute } from '@portcullis/kernel'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { errors } from './errors.ts'
import type { Profile } from './profiles.ts'
import { compileRichText, mayBeRich, type Transform } from './rich-text.ts'

type Done = (error: Error | null, payload?: unknown) => void
type PreSerialization = (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: Done) => void

const placed = new WeakSet<object>()

/** One route whose answers may hold rich text: sanitised after every hook of the user's, before the serializer. */
export class RichRoute {
  readonly route: DeclaredRoute
  /** By the key under which Fastify finds the response's schema; null: this one has no rich text. */
  #transforms: ReadonlyMap<string, Transform | null> | null = null

  constructor(route: DeclaredRoute) {
    this.route = route
    const { options } = route
    const before = [options.preSerialization ?? []].flat()
    // The HEAD twin of a GET route is made of the GET route's options, its hook included.
    if (responsesOf(route) === null || this.#isHooked()) return
    const hook: PreSerialization = (_request, reply, payload, done) => {
      try {
        done(null, this.#transformOf(reply.statusCode)?.(payload) ?? payload)
      } catch (error) {
        done(error as Error)
      }
    }
    placed.add(hook)
    options.preSerialization = [...before, hook] as NonNullable<typeof options.preSerialization>
  }

  /** Reads the route's response schemas. */
  settle(profile: Profile): void {
    const responses = responsesOf(this.route)
    if (responses === null) return
    const shared = this.route.scope.getSchemas()
    if (!mayBeRich(responses, shared)) return
    const name = `${this.route.methods.join('|')} ${this.route.url}`
    const reading = {
      profile,
      shared,
      unknownProfile(mediaType: string): never {
        throw new errors.PTC_XSS_PROFILE_UNKNOWN(mediaType)
      },
      unresolved(ref: string): never {
        throw new errors.PTC_XSS_SCHEMA_UNRESOLVED(name, ref)
      },
    }
    const transforms = Object.entries(responses).map(([status, response]) => {
      const found = schemasOf(response).flatMap((schema) => compileRichText(schema, reading) ?? [])
      const run = found.length === 0 ? null : (value: unknown) => found.reduce((current, next) => next(current), value)
      return [status.toLowerCase(), run] as const
    })
    if (transforms.every(([, run]) => run === null)) return
    if (!this.#isHooked()) throw new errors.PTC_XSS_SCHEMA_LATE(name)
    this.#transforms = new Map(transforms)
  }

  /** Hooks of others may have given the route its schema, or other hooks, since. */
  #isHooked(): boolean {
    return [this.route.options.preSerialization ?? []].flat().some((hook) => placed.has(hook))
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

function responsesOf({ options }: DeclaredRoute): Record<string, unknown> | null {
  const response = options.schema?.response
  return typeof response === 'object' && response !== null ? (response as Record<string, unknown>) : null
}

/** A response has one schema, or one for each media type. */
function schemasOf(response: unknown): unknown[] {
  const content = (response as { content?: unknown } | null)?.content
  if (typeof content !== 'object' || content === null) return [response]
  return Object.values(content).map((one) => (one as { schema?: unknown }).schema)
}
