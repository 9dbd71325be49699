/** Header fields as Node parses them: names in lower case, absent ones undefined. */
export type FieldValues = Readonly<Record<string, string | readonly string[] | undefined>>

/** The first forbidden name that is present, even with an empty value; null if none is. */
export function findForbidden(headers: FieldValues, forbidden: readonly string[]): string | null {
  for (const name of forbidden) if (headers[name] !== undefined) return name
  return null
}
