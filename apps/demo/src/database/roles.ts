import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** The roles of the demo: one owner that cannot log in, one ordinary login role per service. */
export const roles = {
  owner: 'portcullis_owner',
  users: 'portcullis_user_service',
  payments: 'portcullis_payment_service',
} as const

/** Fresh passwords of the services' roles, for one run of the demo. */
export interface RolePasswords {
  readonly users: string
  readonly payments: string
}

const REFUSED = 'NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION'

/**
 * Makes the roles, and gives the services' roles new passwords.
 * Identifiers and passwords cannot be parameters of such statements: both are ours, and quoted all the same.
 */
export async function ensureRoles(admin: pg.Client): Promise<RolePasswords> {
  const passwords = { users: randomBytes(24).toString('base64url'), payments: randomBytes(24).toString('base64url') }
  await ensureRole(admin, roles.owner, 'NOLOGIN')
  for (const service of ['users', 'payments'] as const) {
    await ensureRole(admin, roles[service], 'LOGIN')
    const role = pg.escapeIdentifier(roles[service])
    await admin.query(`alter role ${role} password ${pg.escapeLiteral(passwords[service])} connection limit 20`)
    await admin.query(`alter role ${role} set statement_timeout = '3s'`)
    await admin.query(`alter role ${role} set idle_in_transaction_session_timeout = '5s'`)
    await admin.query(`alter role ${role} set search_path = pg_catalog`)
  }
  await admin.query(`grant ${pg.escapeIdentifier(roles.owner)} to current_user`)
  return passwords
}

async function ensureRole(admin: pg.Client, name: string, login: 'LOGIN' | 'NOLOGIN'): Promise<void> {
  const known = await admin.query('select 1 from pg_roles where rolname = $1', [name])
  if (known.rowCount === 0) await admin.query(`create role ${pg.escapeIdentifier(name)} ${login} ${REFUSED}`)
}
