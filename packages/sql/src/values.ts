import { isDate } from 'node:util/types'

/** What a helper puts where no value can stand: a body that holds something else than a text. */
export const UNWRITABLE: unique symbol = Symbol('unwritable')

/** The wire counts the values of a statement in 16 bits (PostgreSQL, Message Formats: Bind). */
const MOST_VALUES = 65_535
/** Dimensions of an array (PostgreSQL, `MAXDIM`). */
const DIMENSIONS = 6

/**
 * The values as the driver may have them. Its own way ends in a stack overflow for what is nested deep, and in U+FFFD for
 * half a surrogate pair: two texts that differ would be stored as one.
 * @throws RangeError for a value that cannot be written
 */
export function written(values: readonly unknown[]): readonly unknown[] {
  if (values.length > MOST_VALUES) throw new RangeError('more values than a statement can have')
  let made: unknown[] | undefined
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    const one = writtenOne(value, 0)
    if (one !== value) (made ??= [...values])[i] = one
  }
  return made ?? values
}

function writtenOne(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new RangeError('a text that is no Unicode')
    return value
  }
  if (typeof value === 'symbol') throw new RangeError('no value')
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    if (depth === DIMENSIONS) throw new RangeError('an array of too many dimensions')
    return value.map((item) => writtenOne(item, depth + 1))
  }
  const own =
    isDate(value) || ArrayBuffer.isView(value) || typeof (value as { toPostgres?: unknown }).toPostgres === 'function'
  return own ? value : JSON.stringify(value)
}
