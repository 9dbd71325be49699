import createError, { type FastifyErrorConstructor } from '@fastify/error'
import type { SecurityEventKind } from './event-kinds.ts'
import { Refusal } from './refusal.ts'

/** An answer to a client: a constant refusal. */
export interface RefusalEntry {
  readonly status: number
  /** One sentence for the client; never an echo. */
  readonly sentence: string
  /** The event raised whenever this refusal is given (or, under `reportOnly`, would have been). */
  readonly event: SecurityEventKind
  /** When it is given, for the documentation. */
  readonly meaning: string
}

/** An error at boot: thrown, never answered. */
export interface BootErrorEntry {
  /** The message, with `%s` placeholders as in `util.format`. */
  readonly boot: string
  readonly meaning: string
}

/** One table of errors, by code (`PTC_<CONCERN>_<FACT>`). */
export type ErrorTable = Readonly<Record<`PTC_${string}`, RefusalEntry | BootErrorEntry>>

/** What `defineErrors` makes of a table: refusals as constants, boot errors as constructors. */
export type Errors<T extends ErrorTable> = {
  readonly [Code in keyof T]: T[Code] extends BootErrorEntry ? FastifyErrorConstructor : Refusal
} & { readonly [TABLE]: T }

/** A room's errors, as far as the kernel reads them: the table. */
export interface DescribedErrors {
  readonly [TABLE]: ErrorTable
}

/** Where the table itself stays readable, for the documentation. */
export const TABLE: unique symbol = Symbol.for('portcullis.table')

/**
 * Turns one table into a room's errors.
 * @example
 * const errors = defineErrors({
 *   PTC_CORS_ORIGIN_REFUSED: { status: 403, sentence: 'Not allowed.', event: events['cors.rejected'], meaning: '…' },
 *   PTC_CORS_ENGINE_FAILED: { boot: '@fastify/cors answered %s', meaning: '…' },
 * })
 * return errors.PTC_CORS_ORIGIN_REFUSED.with({ detail: { reason: 'method' } })
 * throw new errors.PTC_CORS_ENGINE_FAILED('nothing')
 */
export function defineErrors<const T extends ErrorTable>(table: T): Errors<T> {
  const errors: Record<PropertyKey, unknown> = { [TABLE]: table }
  for (const [code, entry] of Object.entries(table) as [string, RefusalEntry | BootErrorEntry][]) {
    errors[code] =
      'boot' in entry
        ? createError(code, `${code}: ${entry.boot}`)
        : new Refusal(code, entry.status, entry.sentence, entry.event)
  }
  return Object.freeze(errors) as Errors<T>
}
