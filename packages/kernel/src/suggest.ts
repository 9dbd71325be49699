import type { ErrorObject } from 'ajv/dist/2019.js'
import type { Schema } from './options.ts'

/** Damerau-Levenshtein distance (adjacent transpositions count one), of short names. */
function distance(a: string, b: string): number {
  const rows: number[][] = Array.from({ length: a.length + 1 }, (_, i) => [i])
  const cell = (i: number, j: number): number => rows[i]?.[j] ?? 0
  for (let j = 0; j <= b.length; j++) rows[0]![j] = j
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let best = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + cost)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, cell(i - 2, j - 2) + 1)
      rows[i]![j] = best
    }
  }
  return cell(a.length, b.length)
}

const bare = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')

/** Whether a name is another but for case and one letter wrong, missing, too many or swapped. */
export function isSlip(name: string, wanted: string): boolean {
  return Math.abs(name.length - wanted.length) <= 1 && distance(bare(name), bare(wanted)) <= 1
}

/** The known name that was probably meant, if any is near enough. */
export function suggest(name: string, known: readonly string[]): string | undefined {
  const given = bare(name).slice(0, 64)
  let best: string | undefined
  let least = Math.max(1, Math.floor(given.length / 3)) + 0.5
  for (const candidate of known) {
    const wanted = bare(candidate)
    if (wanted === given) return candidate
    // `origin` for `origins`, `allowedHeaders` for `headers`: a part of the name counts as near.
    const near =
      given.length >= 4 && (wanted.startsWith(given) || given.startsWith(wanted)) ? 1 : distance(given, wanted)
    if (near < least) {
      least = near
      best = candidate
    }
  }
  return best
}

/** A member's name as it is written in source. */
export function member(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : literal(name)
}

/** A value as it is written in source: what a message shows can be pasted. */
export function literal(value: unknown): string {
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([key, item]) => `${member(key)}: ${literal(item)}`)
    return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`
  }
  return String(value)
}

/** The one option whose own options, or those of whose entries, know a key that does not stand there. */
export function ownerOf(key: string, schema: Schema): { name: string; listed: boolean } | undefined {
  const knows = (one: unknown): boolean =>
    Object.hasOwn(((one as Schema | undefined)?.['properties'] ?? {}) as object, key)
  const owners = Object.entries((schema['properties'] ?? {}) as Record<string, Schema>).flatMap(([name, inner]) => {
    const listed = knows(inner['items'])
    return listed || knows(inner) ? [{ name, listed }] : []
  })
  return owners.length === 1 ? owners[0] : undefined
}

/** What a word of other makers is called here: the keyword `synonyms` of a schema. `a.b` is `b` within the option `a`. */
export function synonymOf(schema: Schema, word: string): string | undefined {
  return new Map(Object.entries((schema['synonyms'] ?? {}) as Record<string, string>)).get(word)
}

/** What a text that breaks a pattern was meant to say: a synonym, or the same in lower case. */
export function meantBy({ keyword, data, schema, parentSchema }: ErrorObject): string | undefined {
  if (keyword !== 'pattern' || typeof data !== 'string') return undefined
  const lower = data.toLowerCase()
  return synonymOf(parentSchema as Schema, data) ?? (new RegExp(String(schema), 'u').test(lower) ? lower : undefined)
}
