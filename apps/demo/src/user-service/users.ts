import { contains, orderBy, type SecureDatabase, sql } from '@portcullis/sql'

/** A user, as answers show one. */
export interface User {
  readonly id: number
  readonly username: string
  readonly email: string
}

/** What a list of users may be sorted by. */
const order = orderBy({ allow: ['id', 'username', 'email'], otherwise: 'id', tieBreaker: 'id' })

/** Adds a user. @returns null if the name or the address is taken. */
export async function addUser(
  database: SecureDatabase,
  user: { readonly username: string; readonly email: string; readonly passwordHash: string },
): Promise<User | null> {
  const { rows } = await database.query<User>(
    sql`insert into portcullis_users.users (username, email, password_hash)
        values (${user.username}, ${user.email.toLowerCase()}, ${user.passwordHash})
        on conflict do nothing returning id, username, email`,
  )
  return rows[0] ?? null
}

/** What a password is checked against. */
export interface Credential {
  readonly id: number
  readonly passwordHash: string
  /** By an administrator. */
  readonly locked: boolean
}

const credential = sql`id, password_hash as "passwordHash", locked_at is not null as locked`

/** The credential behind a name. */
export async function findCredential(database: SecureDatabase, username: string): Promise<Credential | null> {
  const { rows } = await database.query<Credential>(
    sql`select ${credential} from portcullis_users.users where username = ${username}`,
  )
  return rows[0] ?? null
}

/** The credential of a user who is signed in. */
export async function credentialOf(database: SecureDatabase, id: number): Promise<Credential | null> {
  const { rows } = await database.query<Credential>(
    sql`select ${credential} from portcullis_users.users where id = ${id}`,
  )
  return rows[0] ?? null
}

/** Whether there is such a user, and nobody has locked the account. */
export async function isActive(database: SecureDatabase, id: number): Promise<boolean> {
  const { rows } = await database.query(
    sql`select 1 as found from portcullis_users.users where id = ${id} and locked_at is null`,
  )
  return rows.length === 1
}

/** One user. */
export async function findUser(database: SecureDatabase, id: number): Promise<User | null> {
  const { rows } = await database.query<User>(
    sql`select id, username, email from portcullis_users.users where id = ${id}`,
  )
  return rows[0] ?? null
}

/** Users whose name or address contains the text (empty: all), at most fifty. `%` and `_` mean themselves. */
export async function searchUsers(database: SecureDatabase, search: string, sort: string): Promise<User[]> {
  const { rows } = await database.query<User>(
    sql`select id, username, email from portcullis_users.users
         where ${contains(sql`username`, search)} or ${contains(sql`email`, search)} ${order(sort)} limit 50`,
  )
  return rows
}
