import { seededUsers } from '../database/seed.ts'

// PostgreSQL stores no U+0000. Half a surrogate pair is stored as U+FFFD, and hashed as it: two passwords would be one.
const text = (minLength: number, maxLength: number): object => ({
  type: 'string',
  minLength,
  maxLength,
  pattern: '^[^\\u0000\\p{Cs}]*$',
})

const closed = <P extends Record<string, object>>(properties: P, required: readonly (keyof P & string)[]): object => ({
  type: 'object',
  additionalProperties: false,
  required,
  properties,
})

const id = { type: 'integer', minimum: 1, maximum: 2_147_483_647 }
const username = { type: 'string', pattern: '^[a-z0-9_]{3,32}$', examples: [seededUsers[0].username] }
const email = {
  type: 'string',
  minLength: 3,
  maxLength: 254,
  // ASCII (RFC 5321 §4.1.2, as browsers read it): lower case may be longer elsewhere, and two letters look like one.
  pattern: "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,188}[A-Za-z0-9])?$",
  examples: [seededUsers[0].email],
}
const createdAt = { type: 'string', format: 'date-time' }

/** `POST /register`. Passwords: 10 to 128 characters, no other rule (NIST SP 800-63B §3.1.1.2). */
export const registerBody: object = closed({ username, email, password: text(10, 128) }, [
  'username',
  'email',
  'password',
])

/** `POST /login`. */
export const loginBody: object = closed({ username: text(1, 32), password: text(1, 128) }, ['username', 'password'])

/** Answer to `POST /login` and `POST /refresh` (RFC 6749 §5.1). */
export const tokenAnswer: object = closed(
  {
    access_token: { type: 'string' },
    token_type: { type: 'string', const: 'Bearer' },
    expires_in: { type: 'integer' },
  },
  ['access_token', 'token_type', 'expires_in'],
)

/** A user. */
export const userAnswer: object = closed({ id, username: { type: 'string' }, email: { type: 'string' } }, [
  'id',
  'username',
  'email',
])

/** `GET /users?search=&sort=`. */
export const usersQuery: object = closed(
  { search: text(0, 64), sort: { type: 'string', enum: ['id', 'username', 'email'] } },
  [],
)

/** `POST /posts`. */
export const postBody: object = closed({ title: text(1, 200), body: text(1, 10_000) }, ['title', 'body'])

/** A post. */
export const postAnswer: object = closed(
  { id, author: { type: 'string' }, title: { type: 'string' }, body: { type: 'string' }, createdAt },
  ['id', 'author', 'title', 'body', 'createdAt'],
)

/** `POST /posts/:id/comments`. */
export const commentBody: object = closed({ comment: text(1, 2000) }, ['comment'])

/** A comment. */
export const commentAnswer: object = closed(
  { id, author: { type: 'string' }, comment: { type: 'string' }, createdAt },
  ['id', 'author', 'comment', 'createdAt'],
)

/** `:id` in a path. */
export const idParams: object = closed({ id: { type: 'string', pattern: '^[1-9][0-9]{0,8}$' } }, ['id'])

/** A query that has no members. */
export const noQuery: object = closed({}, [])
