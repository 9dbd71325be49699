import { errors } from './kernel-errors.ts'
import { table } from './mistakes.ts'
import type { Mistake } from './options.ts'

/** Mistakes that a message lists; all of them are in `mistakes`. */
const LISTED = 100

/**
 * Throws one error for many mistakes, each on a line of its own and as data in `mistakes`.
 * @throws PTC_OPTIONS_INVALID
 */
export function refuseToBoot(heading: string, mistakes: readonly Mistake[]): never {
  const rows = mistakes
    .slice(0, LISTED)
    .map(({ route, path, message }) => [route === undefined ? path : `${route} ${path}`, message] as const)
  const count = `${mistakes.length} ${mistakes.length === 1 ? 'mistake' : 'mistakes'}`
  const more = mistakes.length > LISTED ? `\n  and ${mistakes.length - LISTED} more` : ''
  throw Object.assign(new errors.PTC_OPTIONS_INVALID(`${count} in ${heading}\n${table(rows)}${more}`), { mistakes })
}
