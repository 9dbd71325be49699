import pg from 'pg'
import { roles } from './roles.ts'

/** Rights by table, as `@portcullis/sql` takes them. */
type Rights = Readonly<Record<string, readonly string[]>>

/**
 * What each role may do, and nothing else: granted when the database is opened, and held to it when a service starts.
 * The issuer's are what its statements write, column by column: nobody moves a session to another user, or its age.
 */
export const rights: Readonly<Record<'users' | 'payments' | 'issuer', Rights>> = {
  users: {
    'portcullis_users.users': ['SELECT', 'INSERT'],
    'portcullis_users.api_keys': ['SELECT', 'INSERT', 'DELETE', 'UPDATE (last_used_at)'],
    'portcullis_users.posts': ['SELECT', 'INSERT'],
    'portcullis_users.comments': ['SELECT', 'INSERT'],
  },
  payments: {
    'portcullis_payments.accounts': ['SELECT', 'UPDATE (balance)'],
    'portcullis_payments.transfers': ['INSERT', 'SELECT (id)'],
  },
  issuer: {
    'portcullis_issuer.sessions': ['SELECT', 'INSERT', 'DELETE', 'UPDATE (last_used_at, idle_until, ended_at)'],
    'portcullis_issuer.refresh_tokens': ['SELECT', 'INSERT', 'UPDATE (used_at, nonce, next_token_id)'],
    'portcullis_issuer.step_ups': ['SELECT', 'INSERT', 'DELETE'],
    'portcullis_issuer.keys': ['SELECT', 'INSERT', 'DELETE', 'UPDATE (state, private_key, changed_at)'],
  },
}

/** The statements that give each role its rights, and take from it what an older demo gave. */
export function grantStatements(): string {
  const schemas = 'portcullis_users, portcullis_payments, portcullis_issuer'
  const lines = [`revoke all on schema ${schemas} from public;`]
  for (const part of ['users', 'payments', 'issuer'] as const) {
    const role = pg.escapeIdentifier(roles[part])
    lines.push(
      `revoke all on all tables in schema ${schemas} from ${role};`,
      `revoke all on schema ${schemas} from ${role};`,
    )
    lines.push(`grant usage on schema portcullis_${part} to ${role};`)
    for (const [table, list] of Object.entries(rights[part]))
      lines.push(`grant ${list.join(', ')} on ${table} to ${role};`)
  }
  return lines.join('\n')
}
