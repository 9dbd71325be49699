import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const table = {
  PTC_AUTH_CREDENTIAL_MISSING: {
    status: 401,
    sentence: 'Authentication is required.',
    event: events['auth.challenged'],
    meaning: 'The request carries no credential of a kind that this route admits.',
  },
  PTC_AUTH_CREDENTIAL_INVALID: {
    status: 401,
    sentence: 'The credential is not valid.',
    event: events['auth.failed'],
    meaning:
      'A credential was presented and did not verify, or has expired. The event says why; the answer is the same for every reason.',
  },
  PTC_AUTH_CREDENTIALS_AMBIGUOUS: {
    status: 400,
    sentence: 'More than one credential was sent.',
    event: events['auth.failed'],
    meaning: 'Two credentials that the route admits, or two Authorization fields: which one counts is never guessed.',
  },
  PTC_AUTH_SCOPE_INSUFFICIENT: {
    status: 403,
    sentence: 'The credential does not grant the scopes that this route needs.',
    event: events['auth.forbidden'],
    meaning: 'The caller is known and lacks a scope of `config.security.auth.scopes`; the sentence names them.',
  },
  PTC_AUTH_ROLE_INSUFFICIENT: {
    status: 403,
    sentence: 'The caller has none of the roles that this route needs.',
    event: events['auth.forbidden'],
    meaning: 'The caller is known and has no role of `config.security.auth.roles`.',
  },
  PTC_AUTH_NOT_OWNER: {
    status: 403,
    sentence: 'Only its owner may use this.',
    event: events['auth.forbidden'],
    meaning:
      'The function `config.security.auth.owner` named another subject, or nobody: the answer does not tell which.',
  },
  PTC_AUTH_STEP_UP_REQUIRED: {
    status: 401,
    sentence: 'A more recent or stronger authentication is required.',
    event: events['auth.challenged'],
    meaning: 'The caller is known, and proved who it is too long ago or too weakly for `config.security.auth.stepUp`.',
  },
  PTC_AUTH_ROUTE_CLOSED: {
    status: 403,
    sentence: 'This route admits nobody.',
    event: events['auth.forbidden'],
    meaning:
      'The caller is known and the route has no `config.security.auth`: routes are closed until they say who may use them.',
  },
  PTC_AUTH_UNAVAILABLE: {
    status: 503,
    sentence: 'Authentication is unavailable. Try again later.',
    event: events['auth.interrupted'],
    meaning:
      'What decides is away: a `verify`, `find` or `owner` function threw, took too long or returned something else than an identity, the issuer’s keys cannot be fetched, its introspection endpoint is away, or the store of revocations is away. Details are logged only.',
  },
  PTC_AUTH_ISSUER_CONTRADICTS: {
    boot: '%s',
    meaning: '`discovery: true`, and what the issuer says of itself is not what the options say.',
  },
  PTC_AUTH_METADATA_PREFIXED: {
    boot: 'resourceMetadata has its place at the root of the host: register auth in a scope without a prefix, not under %s',
    meaning: '`resourceMetadata` in a scope with a prefix: clients would not find it (RFC 9728 §3.1).',
  },
  PTC_AUTH_REVOCATION_ABSENT: {
    boot: 'nothing can be revoked here: give auth the option revocation: {}, and call this with its app',
    meaning: '`revoke()` was called, and auth was registered without `revocation`.',
  },
  PTC_AUTH_REVOCATION_UNSHARED: {
    boot: 'this process refuses the tokens from now on, the others once Redis is back: %s',
    meaning: '`revoke()` was called, and Redis does not answer.',
  },
  PTC_AUTH_ROUTES_UNDECLARED: {
    boot: 'with strict: true every route says who may use it; these do not: %s. Write config: { security: { auth: {} } } (any identity), { auth: { scopes: [...] } } or { auth: false } (anybody)',
    meaning: '`strict: true`, and a route has no `config.security.auth`.',
  },
} as const

/** The room's errors, by code. */
export const errors: Errors<typeof table> = defineErrors(table)
