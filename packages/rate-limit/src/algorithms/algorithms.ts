import { Backoff } from './backoff.ts'
import { fixedWindow } from './fixed-window.ts'
import { leakyBucket } from './leaky-bucket.ts'
import type { Quota } from '../policy.ts'
import { slidingSegments, slidingWindow } from './sliding-window.ts'
import type { Algorithm } from './standing.ts'
import { tokenBucket } from './token-bucket.ts'

/** The algorithm of a quota whose limit is `limit`. */
function algorithmAt({ algorithm, limit: given, window, burst, delay }: Quota, limit: number): Algorithm {
  switch (algorithm) {
    case 'fixed-window':
      return fixedWindow(limit, window)
    case 'sliding-window':
      // Limits that vary share one layout, and the log's depends on the limit.
      return typeof given === 'number' ? slidingWindow(limit, window) : slidingSegments(limit, window)
    case 'token-bucket':
      return tokenBucket(limit, window, burst ?? limit)
    case 'leaky-bucket':
      return leakyBucket(limit, window, burst ?? limit)
    case 'backoff':
      return new Backoff({ limit, window, ...(delay as NonNullable<Quota['delay']>) })
  }
}

/** Limits remembered at once, where a function names them. */
const MOST_LIMITS = 1000

/** An algorithm whose limit is set before each use; all limits share what is remembered of a caller. */
export interface VaryingAlgorithm extends Algorithm {
  /** Sets the limit of the calls that follow. */
  limitTo(limit: number): void
}

function varying(quota: Quota): VaryingAlgorithm {
  const known = new Map<number, Algorithm>()
  let current = algorithmAt(quota, 1)
  return {
    width: current.width,
    limitTo(limit) {
      let found = known.get(limit)
      if (found === undefined) {
        if (known.size >= MOST_LIMITS) known.clear()
        known.set(limit, (found = algorithmAt(quota, limit)))
      }
      current = found
    },
    judge: (state, at, now, cost, out) => current.judge(state, at, now, cost, out),
    commit: (state, at, now, cost, out) => current.commit(state, at, now, cost, out),
    refund: (state, at, now, cost, takenAt) => current.refund(state, at, now, cost, takenAt),
  }
}

/** Compiles a quota's algorithm: one of a fixed limit, or one whose limit a function names request by request. */
export function compileAlgorithm(quota: Quota): Algorithm | VaryingAlgorithm {
  return typeof quota.limit === 'number' ? algorithmAt(quota, quota.limit) : varying(quota)
}
