import { seededUsers } from '../database/seed.ts'
import { keyScopes } from '../tokens.ts'

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
// Lengths stand beside the patterns, not in them: whether a pattern backtracks is then told in no time when the service starts.
const username = {
  type: 'string',
  minLength: 3,
  maxLength: 32,
  pattern: '^[a-z0-9_]+$',
  examples: [seededUsers[0].username],
}
const email = {
  type: 'string',
  minLength: 3,
  maxLength: 254,
  // ASCII (RFC 5321 §4.1.2, as browsers read it): lower case may be longer elsewhere, and two letters look like one.
  pattern: "^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$",
  examples: [seededUsers[0].email],
}
const createdAt = { type: 'string', format: 'date-time' }

/** `POST /register`. Passwords: 15 to 128 characters; what everybody tries first, the issuer refuses. */
export const registerBody: object = closed({ username, email, password: text(15, 128) }, [
  'username',
  'email',
  'password',
])

/** `POST /login`. */
export const loginBody: object = closed({ username: text(1, 32), password: text(1, 128) }, ['username', 'password'])

/** `POST /step-up`. */
export const stepUpBody: object = closed({ password: text(1, 128) }, ['password'])

/** Answer to `POST /login`, `POST /refresh` and `POST /step-up` (RFC 6749 §5.1). */
export const tokenAnswer: object = closed(
  {
    access_token: { type: 'string' },
    token_type: { type: 'string', const: 'Bearer' },
    expires_in: { type: 'integer' },
  },
  ['access_token', 'token_type', 'expires_in'],
)

/** A session, as its user sees it. */
export const sessionAnswer: object = closed(
  {
    id: { type: 'string', format: 'uuid' },
    label: { type: 'string' },
    createdAt,
    lastUsedAt: createdAt,
    expiresAt: createdAt,
    current: { type: 'boolean', description: 'The one that asks.' },
  },
  ['id', 'label', 'createdAt', 'lastUsedAt', 'expiresAt', 'current'],
)

/** `:id` of a session in a path. */
export const sessionParams: object = closed(
  { id: { type: 'string', maxLength: 36, pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' } },
  ['id'],
)

const keyId = { type: 'string', minLength: 12, maxLength: 12, pattern: '^[0-9A-Za-z]+$' }
const grantedScopes = {
  type: 'array',
  minItems: 1,
  maxItems: keyScopes.length,
  uniqueItems: true,
  items: { type: 'string', enum: keyScopes },
}

/** `POST /api-keys`. */
export const keyBody: object = closed(
  {
    name: text(1, 64),
    scopes: grantedScopes,
    days: { type: 'integer', minimum: 1, maximum: 365, description: 'Days until it expires.' },
  },
  ['name', 'scopes', 'days'],
)

const keyProperties = {
  id: keyId,
  name: { type: 'string' },
  scopes: { type: 'array', items: { type: 'string' } },
  createdAt,
  expiresAt: createdAt,
  lastUsedAt: { type: ['string', 'null'], format: 'date-time', description: 'Within a minute.' },
}

/** An API key, as its owner sees it: never the key. */
export const keyAnswer: object = closed(keyProperties, Object.keys(keyProperties) as (keyof typeof keyProperties)[])

/** Answer to `POST /api-keys`: the key, this once. */
export const newKeyAnswer: object = closed({ key: { type: 'string' }, ...keyProperties }, [
  'key',
  ...(Object.keys(keyProperties) as (keyof typeof keyProperties)[]),
])

/** What the gateway checks a presented key against: its hash, never the key. */
export const foundKey: object = closed(
  {
    id: keyId,
    hash: { type: 'string' },
    subject: { type: 'string' },
    scopes: { type: 'array', items: { type: 'string' } },
    expires: { type: 'integer' },
  },
  ['id', 'hash', 'subject', 'scopes', 'expires'],
)

/** What the gateway tells of keys that were used. */
export const keyUses: object = {
  type: 'array',
  maxItems: 20_000,
  items: closed({ id: keyId, usedAt: { type: 'integer', minimum: 0, maximum: 4_102_444_800 } }, ['id', 'usedAt']),
}

/** `:id` of an API key in a path. */
export const keyParams: object = closed({ id: keyId }, ['id'])

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

/** HTML that answers sanitise; it is stored as it was written. */
const richText = { type: 'string', contentMediaType: 'text/html' }

/** A post. */
export const postAnswer: object = closed(
  { id, author: { type: 'string' }, title: { type: 'string' }, body: richText, createdAt },
  ['id', 'author', 'title', 'body', 'createdAt'],
)

/** `POST /posts/:id/comments`. */
export const commentBody: object = closed({ comment: text(1, 2000) }, ['comment'])

/** A comment. */
export const commentAnswer: object = closed({ id, author: { type: 'string' }, comment: richText, createdAt }, [
  'id',
  'author',
  'comment',
  'createdAt',
])

/** `:id` in a path. */
export const idParams: object = closed({ id: { type: 'string', maxLength: 9, pattern: '^[1-9][0-9]*$' } }, ['id'])

/** A query that has no members. */
export const noQuery: object = closed({}, [])
