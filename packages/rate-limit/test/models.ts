import { SEGMENTS } from '../src/algorithms/sliding-window.ts'

/** What a quota is made of. */
export interface Settings {
  limit: number
  window: number
  capacity: number
}

/** Whether a request may pass, and what is left after it. */
export type Answer = readonly [allowed: boolean, left: number]
export type Model = (now: number, cost: number) => Answer

/** Ten lines each that are slow, obvious and independent: every admitted request is remembered. */
export function windowModel({ limit, window }: Settings): Model {
  let admitted: { at: number; cost: number }[] = []
  return (now, cost) => {
    if (admitted.length > 0 && now >= admitted[0]!.at + window * 1000) admitted = []
    const spent = admitted.reduce((sum, one) => sum + one.cost, 0)
    if (spent + cost > limit) return [false, limit - spent]
    admitted.push({ at: now, cost })
    return [true, limit - spent - cost]
  }
}

/** Counts what was admitted less than a window ago. */
export function logModel({ limit, window }: Settings): Model {
  const admitted: { at: number; cost: number }[] = []
  return (now, cost) => {
    const spent = admitted.filter(({ at }) => at + window * 1000 > now).reduce((sum, one) => sum + one.cost, 0)
    if (spent + cost > limit) return [false, limit - spent]
    admitted.push({ at: now, cost })
    return [true, limit - spent - cost]
  }
}

/** The same, but that a unit counts until a window after the end of the segment in which it was admitted. */
export function segmentModel({ limit, window }: Settings): Model {
  const segment = (window * 1000) / SEGMENTS
  const admitted: { back: number; cost: number }[] = []
  return (now, cost) => {
    const spent = admitted.filter(({ back }) => back > now).reduce((sum, one) => sum + one.cost, 0)
    if (spent + cost > limit) return [false, limit - spent]
    admitted.push({ back: (Math.floor(now / segment) + 1) * segment + window * 1000, cost })
    return [true, limit - spent - cost]
  }
}

/** A bucket of tokens in exact fractions: units are 1/unit of a token, `unit` µs long. */
export function tokenModel({ limit, window, capacity }: Settings): Model {
  const unit = BigInt(Math.ceil((window * 1e6) / limit))
  let tokens = BigInt(capacity) * unit
  let seen = 0n
  return (now, cost) => {
    const at = BigInt(now) * 1000n
    tokens = tokens + at - seen < BigInt(capacity) * unit ? tokens + at - seen : BigInt(capacity) * unit
    seen = at
    const allowed = tokens >= BigInt(cost) * unit
    if (allowed) tokens -= BigInt(cost) * unit
    return [allowed, Number(tokens / unit)]
  }
}

/** A bucket that is poured into and leaks, in the same fractions. */
export function leakModel({ limit, window, capacity }: Settings): Model {
  const unit = BigInt(Math.ceil((window * 1e6) / limit))
  let level = 0n
  let seen = 0n
  return (now, cost) => {
    const leaked = BigInt(now) * 1000n - seen
    level = level > leaked ? level - leaked : 0n
    seen += leaked
    const fits = level + BigInt(cost) * unit <= BigInt(capacity) * unit
    if (fits) level += BigInt(cost) * unit
    return [fits, Number((BigInt(capacity) * unit - level) / unit)]
  }
}
