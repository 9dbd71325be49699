/** A JSON Schema object as the kernel accepts it: `type: 'object'`, closed. Keywords beyond the standard:
 *  `accepts` (by-reference kinds, see `Accepted`); `synonyms`, the words of other makers for its options or values, refused
 *  with ours as the fix; `writeOnly: true` marks a secret. */
export interface ObjectSchema {
  readonly type: 'object'
  readonly additionalProperties: false | Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly [keyword: string]: unknown
}

/** Any JSON Schema. */
export type Schema = Readonly<Record<string, unknown>>

/** What the keyword `accepts` may list: values that pass by reference. */
export type Accepted =
  | 'function'
  | 'string'
  | 'number'
  | 'integer'
  | 'boolean'
  | 'object'
  | 'array'
  | 'Buffer'
  | 'KeyObject'

/** One JSON Patch operation (RFC 6902). */
export type Operation =
  | { readonly op: 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }
  | { readonly op: 'move'; readonly from: string; readonly path: string }

/** A mistake as a room's `check` reports it. */
export interface Finding {
  /** JSON Pointer (RFC 6901) into the options. */
  readonly at: string
  /** Short name of the broken rule, such as `wildcard-with-credentials`. */
  readonly rule: string
  /** What is wrong and what to write instead, in one sentence that begins after the path. */
  readonly message: string
  /** A patch that makes the options valid. */
  readonly fix: readonly Operation[]
}

/** A mistake as an error carries it. */
export interface Mistake {
  /** Readable path, such as `policies[0].limit`. */
  readonly path: string
  readonly rule: string
  readonly message: string
  readonly fix: readonly Operation[]
  /** The route whose `config.security` holds the mistake, such as `GET /users`. */
  readonly route?: string
}
