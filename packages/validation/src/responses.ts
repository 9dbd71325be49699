import { SerializerSelector } from '@fastify/fast-json-stringify-compiler'
import type { FastifySerializerCompiler, preSerializationHookHandler } from 'fastify'
import type { SharedSchemas } from './dialect.ts'
import { parseMediaType } from './media-type.ts'
import { isStandard, standardSerializer } from './standard.ts'

type Responses = Readonly<Record<string, unknown>>
type Content = Readonly<Record<string, { readonly schema?: unknown } | undefined>>

/** The schemas of a response by media type; undefined if it has one for all. */
const contentOf = (response: unknown): Content | undefined =>
  isStandard(response) ? undefined : (response as { content?: Content } | null)?.content

/** Whether Fastify's own serializers cannot read one of these. */
export const haveStandard = (responses: Responses): boolean =>
  Object.values(responses).some(
    (response) =>
      isStandard(response) || Object.values(contentOf(response) ?? {}).some((one) => isStandard(one?.schema)),
  )

/** A serializer compiler for routes that describe some answers by Standard Schema, and others by JSON Schema. */
export function serializers(shared: () => SharedSchemas): FastifySerializerCompiler<unknown> {
  let json: FastifySerializerCompiler<unknown> | undefined
  return (route) => {
    if (isStandard(route.schema)) return standardSerializer(route.schema)
    if (json === undefined) {
      const own = Object.entries(shared()).filter(([, schema]) => !isStandard(schema))
      json = SerializerSelector()(Object.fromEntries(own), {}) as unknown as FastifySerializerCompiler<unknown>
    }
    return json(route)
  }
}

type Described = (status: number, type: string | undefined) => boolean

/** Tells by status and Content-Type whether an answer has a schema. */
function describedBy(responses: Responses): Described {
  const byStatus = new Map(Object.entries(responses).map(([status, response]) => [status.toLowerCase(), response]))
  return (status, type) => {
    const response =
      byStatus.get(String(status)) ?? byStatus.get(`${Math.floor(status / 100)}xx`) ?? byStatus.get('default')
    if (response === undefined) return false
    const content = contentOf(response)
    if (content === undefined) return true
    return '*/*' in content || (parseMediaType(type ?? 'application/json')?.essence ?? '') in content
  }
}

/** The last hook to see an answer as an object: one of success without a schema would be written whole. */
export function refuseUndescribed(responses: Responses): preSerializationHookHandler {
  const described = describedBy(responses)
  return (_request, reply, payload, done) => {
    const { statusCode } = reply
    const type = reply.getHeader('content-type')
    if (statusCode >= 300 || described(statusCode, type === undefined ? undefined : String(type)))
      return done(null, payload)
    done(new TypeError(`an answer of status ${statusCode} has no response schema`))
  }
}
