import type { TLSSocket } from 'node:tls'
import type { PgPool } from './pool.ts'

const LOOPBACK = /^(?:127\.|::1$|::ffff:127\.)/

/**
 * Looks at a connection of a pool that somebody else has configured: who the server is must be proven, unless it is on this
 * machine. A client that shows no socket is taken as it is.
 * @returns what is wrong with it, null if nothing is
 */
export async function faultOfTransport(pool: PgPool): Promise<string | null> {
  const client = await pool.connect()
  try {
    return faultOfSocket((client as { connection?: { stream?: Partial<TLSSocket> } }).connection?.stream ?? {})
  } finally {
    client.release()
  }
}

/** The same for one socket. */
export function faultOfSocket({ encrypted, authorized, remoteAddress }: Partial<TLSSocket>): string | null {
  if (encrypted === true) return authorized === true ? null : 'accept whatever certificate'
  // A socket in the file system has no address.
  return remoteAddress === undefined || LOOPBACK.test(remoteAddress) ? null : 'leave this machine in plaintext'
}
