import { type RawBuilder, sql as kyselySql } from 'kysely'
import { errors } from './errors.ts'
import { admit } from './template.ts'
import { UNWRITABLE } from './values.ts'

/** The template tag, with what a template cannot do by itself. */
export interface Sql {
  /** A statement or a part of one: what stands between `${}` is a value, or another part. */
  <Row = unknown>(strings: TemplateStringsArray, ...values: readonly unknown[]): RawBuilder<Row>
  /**
   * Names that users may choose from: a function that gives the quoted name, or undefined for any other.
   * @example const column = sql.identifier(['name', 'created_at'])(request.query.column)
   */
  identifier<const Name extends string>(allowList: readonly Name[]): (name: unknown) => RawBuilder<unknown> | undefined
  /** Parts or values with a comma between them; no parts: `null`. What is no list is answered 400. */
  list(parts: readonly unknown[]): RawBuilder<unknown>
}

function tag<Row>(strings: TemplateStringsArray, ...values: readonly unknown[]): RawBuilder<Row> {
  // Remembers the text, so that what Kysely's plugins (`withSchema`) copy of it is known; faults are the gate's to tell.
  admit(strings)
  return kyselySql<Row>(strings, ...values)
}

/** `schema.table.column` as PostgreSQL quotes it. */
export function quoted(name: string): RawBuilder<unknown> {
  return kyselySql.id(...name.split('.'))
}

/** @throws PTC_SQL_NAME_UNLISTED unless it is a list of names */
export function namesOf(allowList: readonly string[]): ReadonlyMap<unknown, RawBuilder<unknown>> {
  if (!Array.isArray(allowList) || allowList.length === 0 || allowList.some((name) => typeof name !== 'string'))
    throw new errors.PTC_SQL_NAME_UNLISTED(JSON.stringify(allowList))
  return new Map(allowList.map((name: string) => [name, quoted(name)]))
}

/** Writes statements: values travel apart from the text. There is no `raw` and no `lit`. */
export const sql: Sql = Object.assign(tag, {
  identifier(allowList: readonly string[]) {
    const names = namesOf(allowList)
    return (name: unknown) => names.get(name)
  },
  list(parts: readonly unknown[]) {
    if (!Array.isArray(parts)) return tag`${UNWRITABLE}`
    return parts.length === 0 ? tag`null` : kyselySql.join([...parts])
  },
}) as Sql
