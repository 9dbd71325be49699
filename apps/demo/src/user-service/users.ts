import type pg from 'pg'

/** A user, as answers show one. */
export interface User {
  readonly id: number
  readonly username: string
  readonly email: string
}

/** By what a list of users may be ordered, and the only text that reaches the statement. */
const orders = {
  id: 'id',
  username: 'username, id',
  email: 'email, id',
} as const

/** A key that lists of users may be sorted by. */
export type UserOrder = keyof typeof orders

/** Adds a user. @returns null if the name or the address is taken. */
export async function addUser(
  pool: pg.Pool,
  user: { readonly username: string; readonly email: string; readonly passwordHash: string },
): Promise<User | null> {
  const { rows } = await pool.query<User>(
    `insert into portcullis_users.users (username, email, password_hash) values ($1, $2, $3)
     on conflict do nothing returning id, username, email`,
    [user.username, user.email.toLowerCase(), user.passwordHash],
  )
  return rows[0] ?? null
}

/** What a password is checked against. */
export interface Credential {
  readonly id: number
  readonly passwordHash: string
}

/** The credential behind a name. */
export async function findCredential(pool: pg.Pool, username: string): Promise<Credential | null> {
  const { rows } = await pool.query<Credential>(
    `select id, password_hash as "passwordHash" from portcullis_users.users where username = $1`,
    [username],
  )
  return rows[0] ?? null
}

/** The credential of a user who is signed in. */
export async function credentialOf(pool: pg.Pool, id: number): Promise<Credential | null> {
  const { rows } = await pool.query<Credential>(
    `select id, password_hash as "passwordHash" from portcullis_users.users where id = $1`,
    [id],
  )
  return rows[0] ?? null
}

/** One user. */
export async function findUser(pool: pg.Pool, id: number): Promise<User | null> {
  const { rows } = await pool.query<User>('select id, username, email from portcullis_users.users where id = $1', [id])
  return rows[0] ?? null
}

/** Users whose name or address contains the text (empty: all), at most fifty. `%` and `_` mean themselves. */
export async function searchUsers(pool: pg.Pool, search: string, order: UserOrder): Promise<User[]> {
  const { rows } = await pool.query<User>(
    `select id, username, email from portcullis_users.users
      where pg_catalog.strpos(username, $1) > 0 or pg_catalog.strpos(email, $1) > 0
      order by ${orders[order]} limit 50`,
    [search.toLowerCase()],
  )
  return rows
}
