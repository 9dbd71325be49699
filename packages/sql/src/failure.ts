import type { Refusal } from '@portcullis/kernel'
import { errors } from './errors.ts'

/** What a query throws: safe to show as it is. What the database or the driver said is the `cause`, for the log alone. */
export class SqlError extends Error {
  override readonly name: string = 'SqlError'
  readonly code: string
  readonly statusCode: number
  /** What the caller is answered: the kernel looks for it on errors that nobody else handles. */
  declare readonly refusal: Refusal

  constructor(refusal: Refusal, cause?: unknown) {
    super(refusal.sentence, cause === undefined ? undefined : { cause })
    this.code = refusal.code
    this.statusCode = refusal.status
    Object.defineProperty(this, 'refusal', { value: refusal })
  }
}

const CONFLICTS: ReadonlySet<string> = new Set(['23505', '23503', '23P01'])
/** Lock not available, cancelled by a time-out, serialization failure, deadlock, idle in a transaction for too long. */
const TRANSIENT: ReadonlySet<string> = new Set(['55P03', '57014', '40001', '40P01', '25P03', '25P04'])
/** Cardinality, data exceptions, failed constraints, limits of the program: what a value can cause (PostgreSQL, Appendix A). */
const OF_A_VALUE: ReadonlySet<string> = new Set(['21', '22', '23', '54'])
/** The server's parsers of values with a grammar: what they report is of the class that errors of statements have (42). */
const OF_A_GRAMMAR = /^(?:tsquery|tsvector_parser|jsonpath\w*|formatting)\./
/** Connection exceptions, insufficient resources, operator intervention, system errors. */
const OUTAGES: ReadonlySet<string> = new Set(['08', '53', '57', '58'])
const SQLSTATE = /^[0-9A-Z]{5}$/

const UNAVAILABLE = errors.PTC_SQL_UNAVAILABLE.with({ retryAfter: 1 })

/** Errors after which the server ends the session: idle in a transaction, a transaction for too long. */
const FATAL: ReadonlySet<string> = new Set(['25P03', '25P04'])

/**
 * Whether the connection is in doubt after this: it is closed, not given to the next caller. The server writes the severity
 * in its own language, so ERROR is certain and anything else is not.
 */
export function breaksConnection(error: unknown): boolean {
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  if (typeof code !== 'string' || !SQLSTATE.test(code)) return true
  if (severity === 'ERROR') return false
  return severity === 'FATAL' || severity === 'PANIC' || FATAL.has(code) || /^(?:08|57P|58|F0|XX)/.test(code)
}

/** The refusal that stands for an error of the database or of the driver. */
export function refusalOf(error: unknown): Refusal {
  const { code, severity, file } = (error ?? {}) as { code?: unknown; severity?: unknown; file?: unknown }
  if (error instanceof RangeError) return errors.PTC_SQL_VALUE_REFUSED.with({ detail: { reason: 'unwritable' } })
  // The driver's own errors have no code or that of a socket: the connection broke, or none could be had.
  if (typeof code !== 'string' || !SQLSTATE.test(code) || severity === undefined)
    return error instanceof TypeError ? errors.PTC_SQL_FAILED : UNAVAILABLE
  const detail = { sqlState: code }
  if (CONFLICTS.has(code)) return errors.PTC_SQL_CONFLICT.with({ detail })
  if (code === '42501') return errors.PTC_SQL_DENIED.with({ detail })
  // A message that the server cannot read (08P01): a binary value of the wrong size.
  const ofAValue = OF_A_VALUE.has(code.slice(0, 2)) || code === '08P01'
  if (ofAValue || (code.startsWith('42') && OF_A_GRAMMAR.test(String(file))))
    return errors.PTC_SQL_VALUE_REFUSED.with({ detail })
  if (TRANSIENT.has(code) || OUTAGES.has(code.slice(0, 2)))
    return errors.PTC_SQL_UNAVAILABLE.with({ retryAfter: 1, detail })
  return errors.PTC_SQL_FAILED.with({ detail })
}
