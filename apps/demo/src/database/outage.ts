import pg from 'pg'

// Connection exceptions, insufficient resources, operator intervention (PostgreSQL, Appendix A).
const CLASSES = new Set(['08', '53', '57'])
const SOCKET = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND'])
// What the driver itself says has no code.
const DRIVER =
  /^(?:Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (?:was closed|has encountered a connection error))/

/** Whether a statement failed because the database is away, and not because of the statement. */
export function isOutage(error: unknown): boolean {
  if (error instanceof pg.DatabaseError) return CLASSES.has((error.code ?? '').slice(0, 2))
  if (!(error instanceof Error)) return false
  return SOCKET.has(String((error as NodeJS.ErrnoException).code)) || DRIVER.test(error.message)
}
