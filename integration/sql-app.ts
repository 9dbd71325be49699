import { createRequire } from 'node:module'

interface Client {
  connect(): Promise<void>
  query(text: string): Promise<unknown>
  end(): Promise<void>
}

// The driver is what @portcullis/sql stands on: the same copy, asked by the owner of the tables.
const require = createRequire(import.meta.resolve('@portcullis/sql'))
const { Client } = require('pg') as { Client: new (options: { connectionString: string }) => Client }

/**
 * Runs scripts as the superuser.
 * @returns the address for the role `app`
 */
export async function prepare(adminUrl: string, scripts: readonly string[], password: string): Promise<string> {
  const admin = new Client({ connectionString: adminUrl })
  await admin.connect()
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
