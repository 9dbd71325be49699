import pg from 'pg'

/** The issuer's connections: each of its statements is a constant text of its package, with values apart. */
export function openPool(connectionString: string, applicationName: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    application_name: applicationName,
    max: 10,
    connectionTimeoutMillis: 3000,
    // The server's own limit is shorter; this one is for a server that says nothing at all.
    query_timeout: 4000,
  })
  // An idle connection that the server ends is no reason to die: the next query opens another.
  pool.on('error', () => {})
  // Nor is one that it ends between two statements of a transaction: the next of them fails, and says so.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}
