/**
 * Whether no item of a list of JSON stands twice (`uniqueItems`), in the time of one look at each. Ajv compares each with
 * each, and asks objects for their `valueOf` and `toString`, which are what a client wrote there: it throws.
 */
export function areUnique(list: readonly unknown[]): boolean {
  const seen = new Set<unknown>()
  for (const item of list) {
    const known =
      typeof item === 'object' && item !== null ? `:${canonical(item)}` : typeof item === 'string' ? `"${item}` : item
    if (seen.has(known)) return false
    seen.add(known)
  }
  return true
}

/** A text that equal values have in common. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  const members = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`
}
