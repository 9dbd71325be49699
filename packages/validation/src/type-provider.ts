import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { FastifyTypeProvider } from 'fastify'

/** The names of an object schema's members that must be there. */
type Required<S> = S extends { required: readonly (infer Name)[] } ? Name : never

type Members<S, P> = {
  -readonly [Name in keyof P as Name extends Required<S> ? Name : never]: Inferred<P[Name]>
} & {
  -readonly [Name in keyof P as Name extends Required<S> ? never : Name]?: Inferred<P[Name]>
}

/** What a JSON Schema written `as const` admits; `unknown` where its keywords say more than types can. */
export type Inferred<S> = S extends { const: infer Value }
  ? Value
  : S extends { enum: readonly (infer Value)[] }
    ? Value
    : S extends { anyOf: readonly (infer Each)[] }
      ? Inferred<Each>
      : S extends { type: 'string' }
        ? string
        : S extends { type: 'number' | 'integer' }
          ? number
          : S extends { type: 'boolean' }
            ? boolean
            : S extends { type: 'null' }
              ? null
              : S extends { type: 'array'; items: infer Item }
                ? Inferred<Item>[]
                : S extends { type: 'object'; properties: infer P }
                  ? { [Name in keyof Members<S, P>]: Members<S, P>[Name] }
                  : unknown

/** Types of handlers by their schemas: Standard Schema (Zod, …), TypeBox, and JSON Schema written `as const`. */
export interface ValidationTypeProvider extends FastifyTypeProvider {
  validator: this['schema'] extends StandardSchemaV1<unknown, infer Value>
    ? Value
    : this['schema'] extends { static: infer Value }
      ? Value
      : Inferred<this['schema']>
  serializer: this['schema'] extends StandardSchemaV1<infer Value, unknown>
    ? Value
    : this['schema'] extends { static: infer Value }
      ? Value
      : Inferred<this['schema']>
}
