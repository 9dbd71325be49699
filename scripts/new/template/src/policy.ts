import type { __Concern__Options } from './options.ts'
import { findForbidden, type FieldValues } from './fields.ts'

/** Says which field makes a request unacceptable; null if none does. */
export type Policy = (headers: FieldValues) => string | null

/** Turns validated options into a decision. */
export function compilePolicy(options: Readonly<__Concern__Options>): Policy {
  const forbidden = [...(options.fields ?? [])]
  return (headers) => findForbidden(headers, forbidden)
}
