import { KeyObject } from 'node:crypto'
import type { Accepted } from './options.ts'

/** The kind of a value, in the words of the keyword `accepts`. */
export function acceptedKind(value: unknown): Accepted | 'null' | 'undefined' | 'bigint' | 'symbol' {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (Buffer.isBuffer(value)) return 'Buffer'
  if (value instanceof KeyObject) return 'KeyObject'
  return typeof value
}

/** Whether a value is of one of the kinds. */
export function isAccepted(kinds: readonly Accepted[], value: unknown): boolean {
  const kind = acceptedKind(value)
  return kinds.some((one) => one === kind || (one === 'integer' && Number.isInteger(value)))
}
