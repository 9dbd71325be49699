import type { Finding, Operation } from './options.ts'
import { at, patch, tokens } from './pointer.ts'

/** Fixes whose results break another rule get the operations that mend that too, so that applying them is enough. */
export function complete(
  value: unknown,
  findings: readonly Finding[],
  inspect: (value: unknown) => Finding[],
  copyOf: (value: unknown) => unknown,
): { findings: Finding[]; fixed: unknown } {
  const fixed = copyOf(value)
  const completed: { at: string; rule: string; message: string; fix: Operation[] }[] = []
  const taken = new Set<string>()
  for (const one of inOrder(findings)) {
    const fix = patch(
      fixed,
      one.fix.filter(({ op, path }) => op !== 'remove' || !taken.has(path)),
    )
    for (const { op, path } of fix) if (op === 'remove') taken.add(path)
    // What another's fix has taken away needs none of its own.
    if (fix.length > 0 || one.fix.length === 0 || completed.length === 0) completed.push({ ...one, fix })
  }
  const seen = new Map<string, number>()
  // Fixes are applied in order: what mends their results comes last.
  const rest = completed.at(-1)?.fix
  for (let left = inspect(fixed); left.length > 0; left = inspect(fixed)) {
    for (const { at: place, rule, fix } of independent(left)) {
      const times = (seen.get(`${place} ${rule}`) ?? 0) + 1
      seen.set(`${place} ${rule}`, times)
      if (times > 20) return { findings: completed, fixed }
      // A fix that did not hold twice gives way: what it wrote is removed.
      const again = times > 2 && at(fixed, place) !== undefined ? ([{ op: 'remove', path: place }] as const) : fix
      const done = patch(fixed, again)
      rest?.push(...done)
    }
  }
  return { findings: completed, fixed }
}

/** The place that a fix takes away, if it does. */
const goner = ({ fix }: Finding): string | undefined => fix.find(({ op }) => op === 'remove')?.path

/** Whether a place is gone, or is another one, once an earlier one was taken away. */
function moves(taken: string, place: string): boolean {
  const [gone, other] = [tokens(taken), tokens(place)]
  const last = gone.length - 1
  if (gone.some((name, i) => i < last && name !== other[i])) return false
  return gone[last] === other[last] || Number(other[last]) > Number(gone[last])
}

/**
 * In the order in which each fix finds what it names: what takes a place away comes after what is mended within it, and
 * the last entry of a list before those ahead of it. What moves nothing stays where it was.
 */
function inOrder(findings: readonly Finding[]): readonly Finding[] {
  const movers = new Map<Finding, string[]>()
  for (const one of findings) {
    const taken = goner(one)
    if (taken !== undefined && findings.some((other) => other !== one && moves(taken, other.at)))
      movers.set(one, tokens(taken))
  }
  // Innermost first; of one list, from its end.
  const later = ([, one]: [Finding, string[]], [, other]: [Finding, string[]]): number =>
    other.length - one.length || Number(other.at(-1)) - Number(one.at(-1)) || 0
  const moving = [...movers].toSorted(later).map(([one]) => one)
  return [...findings.filter((one) => !movers.has(one)), ...moving]
}

/** Findings that can be mended together: the first, and those that move no entry of a list and lie elsewhere. */
function independent(findings: readonly Finding[]): readonly Finding[] {
  const places = new Set<string>()
  return findings.filter(({ at: place, fix }, i) => {
    const parent = place.slice(0, place.lastIndexOf('/'))
    const still = fix.every(({ op, path }) => op !== 'remove' || !/\/\d+$/.test(path))
    if (i > 0 && (!still || places.has(parent))) return false
    places.add(parent)
    return true
  })
}
