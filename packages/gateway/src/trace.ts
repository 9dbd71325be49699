import { randomFillSync } from 'node:crypto'

/** The fields of W3C Trace Context. */
export interface TraceFields {
  readonly traceparent: string
  /** Null: there is none, or it belongs to no trace. */
  readonly tracestate: string | null
}

/** Continues the trace of a request, or begins one. */
export type Trace = (
  traceparent: string | string[] | undefined,
  tracestate: string | string[] | undefined,
) => TraceFields

// §3.2.2: version, trace-id, parent-id, flags. Later versions may have more behind them (§3.2.4), version ff is none.
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?$/
// §3.3.1.5: at least 512 characters are to be passed on. More is not.
const TRACESTATE = /^[\t\x20-\x7e]{1,512}$/

const SAMPLED = 1

/**
 * Compiles what becomes of traces: a valid one goes on with a parent of ours and its sampled flag, without one a new one
 * begins, sampled, as the service itself would begin it.
 * @param fill makes a buffer random
 */
export function compileTrace(fill: (pool: Buffer) => unknown = randomFillSync): Trace {
  // Asking for a few bytes costs as much as asking for all of these.
  const pool = Buffer.alloc(4_096)
  let hex = ''
  let at = 0
  const id = (digits: number): string => {
    for (;;) {
      if (at + digits > hex.length) {
        fill(pool)
        hex = pool.toString('hex')
        at = 0
      }
      const made = hex.slice(at, (at += digits))
      // §3.2.2.3: all zeroes are no id.
      if (!made.startsWith('00000000') || !/^0+$/.test(made)) return made
    }
  }
  return (traceparent, tracestate) => {
    const found = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent) : null
    // Version 00 ends with its flags.
    if (found === null || (found[1] === '00' && found[4] !== undefined)) {
      return { traceparent: `00-${id(32)}-${id(16)}-01`, tracestate: null }
    }
    const flags = (Number.parseInt(found[3] as string, 16) & SAMPLED) === SAMPLED ? '01' : '00'
    const state = String(tracestate ?? '')
    return {
      traceparent: `00-${found[2]}-${id(16)}-${flags}`,
      tracestate: TRACESTATE.test(state) ? state : null,
    }
  }
}
