import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** The roles of the demo: one owner that cannot log in, one ordinary login role for each part that asks. */
export const roles = {
  owner: 'portcullis_owner',
  users: 'portcullis_user_service',
  payments: 'portcullis_payment_service',
  // The issuer's sessions and keys: within the user service, and out of reach of its other statements.
  issuer: 'portcullis_issuer',
} as const

/** The passwords of the roles, and the secrets that all processes of the demo share. */
export interface Secrets {
  readonly users: string
  readonly payments: string
  readonly issuer: string
  /** Encrypts the private keys of access tokens. */
  readonly keys: string
  /** Makes the CSRF tokens of the gateway. */
  readonly csrf: string
}

const REFUSED = 'NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION'

/**
 * Makes the roles and the secrets. They stay: other processes of the demo may be using them on the same database.
 * Whoever may read the table may set the passwords as well; no service may. (A deployment has a store for secrets, and a
 * copy of the database is then no copy of the issuer's.)
 * Identifiers and passwords cannot be parameters of such statements: both are ours, and quoted all the same.
 */
export async function ensureRoles(admin: pg.Client): Promise<Secrets> {
  await admin.query('create schema if not exists portcullis_roles')
  await admin.query(
    'create table if not exists portcullis_roles.passwords (role text primary key, password text not null)',
  )
  const secrets = {
    users: await secretOf(admin, roles.users),
    payments: await secretOf(admin, roles.payments),
    issuer: await secretOf(admin, roles.issuer),
    keys: await secretOf(admin, 'the keys of access tokens'),
    csrf: await secretOf(admin, 'the tokens of pages'),
  }
  await ensureRole(admin, roles.owner, 'NOLOGIN')
  for (const part of ['users', 'payments', 'issuer'] as const) {
    await ensureRole(admin, roles[part], 'LOGIN')
    const role = pg.escapeIdentifier(roles[part])
    await admin.query(`alter role ${role} password ${pg.escapeLiteral(secrets[part])} connection limit 50`)
    await admin.query(`alter role ${role} set statement_timeout = '3s'`)
    await admin.query(`alter role ${role} set idle_in_transaction_session_timeout = '5s'`)
    await admin.query(`alter role ${role} set search_path = pg_catalog`)
    // Whatever the database prefers: a statement after a lock sees what others have committed while it waited.
    await admin.query(`alter role ${role} set default_transaction_isolation = 'read committed'`)
  }
  await admin.query(`grant ${pg.escapeIdentifier(roles.owner)} to current_user`)
  return secrets
}

async function secretOf(admin: pg.Client, role: string): Promise<string> {
  const { rows } = await admin.query<{ password: string }>(
    `insert into portcullis_roles.passwords values ($1, $2)
     on conflict (role) do update set role = excluded.role returning password`,
    [role, randomBytes(32).toString('base64url')],
  )
  return (rows[0] as { password: string }).password
}

async function ensureRole(admin: pg.Client, name: string, login: 'LOGIN' | 'NOLOGIN'): Promise<void> {
  const known = await admin.query('select 1 from pg_roles where rolname = $1', [name])
  if (known.rowCount === 0) await admin.query(`create role ${pg.escapeIdentifier(name)} ${login} ${REFUSED}`)
}
