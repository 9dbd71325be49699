import pg from 'pg'

/** Whether a row was not written because the user it would belong to is gone: the access token outlives him by minutes. */
export function isGoneUser(error: unknown): boolean {
  // foreign_key_violation (PostgreSQL, Appendix A).
  if (!(error instanceof pg.DatabaseError) || error.code !== '23503') return false
  return /_(?:author|owner)_id_fkey$/.test(error.constraint ?? '')
}
