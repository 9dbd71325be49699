import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** The roles of the demo: one owner that cannot log in, one ordinary login role per service. */
export const roles = {
  owner: 'portcullis_owner',
  users: 'portcullis_user_service',
  payments: 'portcullis_payment_service',
} as const

/** The passwords of the services' roles. */
export interface RolePasswords {
  readonly users: string
  readonly payments: string
}

const REFUSED = 'NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION'

/**
 * Makes the roles and the passwords of the services' roles. The passwords stay: other processes of the demo may be
 * using them on the same database. Whoever may read the table may set them as well.
 * Identifiers and passwords cannot be parameters of such statements: both are ours, and quoted all the same.
 */
export async function ensureRoles(admin: pg.Client): Promise<RolePasswords> {
  await admin.query('create schema if not exists portcullis_roles')
  await admin.query(
    'create table if not exists portcullis_roles.passwords (role text primary key, password text not null)',
  )
  const passwords = { users: await passwordOf(admin, roles.users), payments: await passwordOf(admin, roles.payments) }
  await ensureRole(admin, roles.owner, 'NOLOGIN')
  for (const service of ['users', 'payments'] as const) {
    await ensureRole(admin, roles[service], 'LOGIN')
    const role = pg.escapeIdentifier(roles[service])
    await admin.query(`alter role ${role} password ${pg.escapeLiteral(passwords[service])} connection limit 50`)
    await admin.query(`alter role ${role} set statement_timeout = '3s'`)
    await admin.query(`alter role ${role} set idle_in_transaction_session_timeout = '5s'`)
    await admin.query(`alter role ${role} set search_path = pg_catalog`)
  }
  await admin.query(`grant ${pg.escapeIdentifier(roles.owner)} to current_user`)
  return passwords
}

async function passwordOf(admin: pg.Client, role: string): Promise<string> {
  const { rows } = await admin.query<{ password: string }>(
    `insert into portcullis_roles.passwords values ($1, $2)
     on conflict (role) do update set role = excluded.role returning password`,
    [role, randomBytes(24).toString('base64url')],
  )
  return (rows[0] as { password: string }).password
}

async function ensureRole(admin: pg.Client, name: string, login: 'LOGIN' | 'NOLOGIN'): Promise<void> {
  const known = await admin.query('select 1 from pg_roles where rolname = $1', [name])
  if (known.rowCount === 0) await admin.query(`create role ${pg.escapeIdentifier(name)} ${login} ${REFUSED}`)
}
