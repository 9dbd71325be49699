import { LONGEST_ORIGIN } from './origin.ts'

/** Says whether an origin is on the list. */
export type Allows = (origin: string) => boolean

const LABEL = /^[a-z0-9_-]{1,63}$/

/**
 * Makes a look-up of constant cost from a list of valid origins, however long it is.
 * Exact origins are compared byte for byte (Fetch §4.10, "CORS check"); a wildcard stands for exactly one label.
 */
export function compileAllowlist(origins: readonly string[]): Allows {
  if (origins.includes('*')) return () => true
  const exact = new Set<string>()
  const wildcards = new Set<string>()
  for (const origin of origins) (origin.includes('*') ? wildcards : exact).add(origin)
  if (wildcards.size === 0) return (origin) => origin.length <= LONGEST_ORIGIN && exact.has(origin)
  return (origin) => {
    if (origin.length > LONGEST_ORIGIN) return false
    if (exact.has(origin)) return true
    const label = origin.indexOf('://') + 3
    const dot = origin.indexOf('.', label)
    if (label === 2 || dot === -1) return false
    return LABEL.test(origin.slice(label, dot)) && wildcards.has(`${origin.slice(0, label)}*${origin.slice(dot)}`)
  }
}
