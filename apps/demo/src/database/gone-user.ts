import pg from 'pg'

/**
 * Whether a row was not written because the user it would belong to is gone: the access token outlives him by minutes.
 * What the database said is the cause of what the room throws.
 */
export function isGoneUser(error: unknown): boolean {
  const { cause } = error as { readonly cause?: unknown }
  // foreign_key_violation (PostgreSQL, Appendix A).
  if (!(cause instanceof pg.DatabaseError) || cause.code !== '23503') return false
  return /_(?:author|owner)_id_fkey$/.test(cause.constraint ?? '')
}
