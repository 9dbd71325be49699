import { openPool } from '../apps/demo/src/database/pool.ts'

/**
 * Runs scripts as the superuser.
 * @returns the address for the role `app`
 */
export async function prepare(adminUrl: string, scripts: readonly string[], password: string): Promise<string> {
  const admin = openPool(adminUrl, 'prepare')
  try {
    for (const script of scripts) await admin.query(script)
  } finally {
    await admin.end()
  }
  const url = new URL(adminUrl)
  url.username = 'app'
  url.password = password
  return url.href
}
