import type { Expression, RawBuilder } from 'kysely'
import { namesOf, sql } from './sql.ts'
import { UNWRITABLE } from './values.ts'

/** A column or any other expression of the builder or of a template. */
export type Operand = Expression<unknown>

/** What `orderBy` allows. */
export interface OrderByRules<Name extends string> {
  /** The columns that users may sort by; `table.column` is two identifiers. */
  readonly allow: readonly Name[]
  /** Used when the user names nothing, or something else. */
  readonly otherwise: NoInfer<Name>
  /** A unique column, sorted by last, so that pages do not overlap. */
  readonly tieBreaker?: string
}

/**
 * `order by` from what a user wrote, such as `?sort=-created_at`: a minus means descending.
 * @example const order = orderBy({ allow: ['name', 'created_at'], otherwise: 'name', tieBreaker: 'id' })
 *   await database.query(sql`select * from posts ${order(request.query.sort)}`)
 */
export function orderBy<const Name extends string>({
  allow,
  otherwise: fallback,
  tieBreaker,
}: OrderByRules<Name>): (wanted: unknown) => RawBuilder<unknown> {
  const names = namesOf(allow)
  const last = tieBreaker === undefined ? undefined : namesOf([tieBreaker]).get(tieBreaker)
  const otherwise = namesOf([fallback]).get(fallback)
  return (wanted) => {
    const text = typeof wanted === 'string' ? wanted : ''
    const named = names.get(text.replace(/^-/, ''))
    const column = named ?? otherwise
    const falling = named !== undefined && text.startsWith('-')
    if (last === undefined) return falling ? sql`order by ${column} desc` : sql`order by ${column} asc`
    return falling ? sql`order by ${column} desc, ${last} desc` : sql`order by ${column} asc, ${last} asc`
  }
}

/**
 * A pattern in which `%`, `_` and the escape itself stand for themselves. The escape is LIKE's own, the backslash: to write
 * it into the statement would depend on `standard_conforming_strings`.
 */
function pattern(before: string, text: string): string | symbol {
  // Types say so already; a request's body knows no types.
  if (typeof text !== 'string') return UNWRITABLE
  return `${before}${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
}

/** `column ilike '%text%'`, in which `%` and `_` of the text are text. What is no text is answered 400. */
export function contains(column: Operand, text: string): RawBuilder<boolean> {
  return sql`${column} ilike ${pattern('%', text)}`
}

/** `column ilike 'text%'`, in which `%` and `_` of the text are text. What is no text is answered 400. */
export function startsWith(column: Operand, text: string): RawBuilder<boolean> {
  return sql`${column} ilike ${pattern('', text)}`
}

/** The types of values that a list may have, as PostgreSQL calls them. */
export type ListType = 'text' | 'integer' | 'bigint' | 'uuid' | 'boolean' | 'timestamptz'

/**
 * `column in (…)` with one value however long the list is, also an empty one, which nothing is in. What is no list is
 * answered 400.
 * @param type the column's type
 */
export function oneOf(
  column: Operand,
  values: readonly (string | number | bigint | boolean)[],
  type: ListType,
): RawBuilder<boolean> {
  const list = Array.isArray(values) ? values : UNWRITABLE
  switch (type) {
    case 'text':
      return sql`${column} = any(${list}::text[])`
    case 'integer':
      return sql`${column} = any(${list}::integer[])`
    case 'bigint':
      return sql`${column} = any(${list}::bigint[])`
    case 'uuid':
      return sql`${column} = any(${list}::uuid[])`
    case 'boolean':
      return sql`${column} = any(${list}::boolean[])`
    case 'timestamptz':
      return sql`${column} = any(${list}::timestamptz[])`
  }
}

/**
 * The text at a path of a JSON document, null if there is none. The path travels as a value; what is none is answered 400.
 * @example where jsonText(sql`settings`, ['theme', 'colour']) = 'red'
 */
export function jsonText(column: Operand, path: readonly (string | number)[]): RawBuilder<string | null> {
  const names = Array.isArray(path) && path.every(isName) ? path.map(String) : UNWRITABLE
  return sql`(${column} #>> ${names}::text[])`
}

function isName(part: unknown): boolean {
  return typeof part === 'string' || typeof part === 'number'
}
