/**
 * A `Vary` value that has the given names too, once each (RFC 9110 §12.5.5).
 * @param names comma-separated
 */
export function mergeVary(earlier: string | readonly string[] | number | undefined, names: string): string {
  if (earlier === undefined || earlier === '') return names
  const text = Array.isArray(earlier) ? earlier.join(', ') : String(earlier)
  const known = new Set(text.split(',').map((name) => name.trim().toLowerCase()))
  if (known.has('*')) return '*'
  const missing = names.split(', ').filter((name) => !known.has(name.toLowerCase()))
  return missing.length === 0 ? text : `${text}, ${missing.join(', ')}`
}
