import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const table = {
  PTC_ISSUER_SIGN_IN_REFUSED: {
    status: 401,
    sentence: 'The name or the password is wrong.',
    event: events['issuer.rejected'],
    meaning: 'Nobody has that name, the password is wrong, or the account is locked: the answer is one and the same.',
  },
  PTC_ISSUER_SESSION_ENDED: {
    status: 401,
    sentence: 'The session has ended. Sign in again.',
    event: events['issuer.rejected'],
    meaning: 'The refresh token is unknown, too old, already used, or its session was ended. The event says which.',
  },
  PTC_ISSUER_PASSWORD_REFUSED: {
    status: 422,
    sentence: 'This password is not acceptable.',
    event: events['issuer.rejected'],
    meaning:
      'A new password is too short, too long, common, or made of a word that anybody would try. The sentence says which.',
  },
  PTC_ISSUER_BUSY: {
    status: 503,
    sentence: 'Too many people are signing in. Try again in a moment.',
    event: events['issuer.overloaded'],
    meaning: 'As many passwords as `password.queue` holds are waiting already.',
  },
  PTC_ISSUER_UNAVAILABLE: {
    status: 503,
    sentence: 'Signing in is unavailable. Try again later.',
    event: events['issuer.interrupted'],
    meaning: 'The store or the account look-up failed; details are logged only.',
  },
  PTC_ISSUER_ABSENT: {
    boot: 'no issuer is registered here: register @portcullis/issuer, and call this with its app, one inside it, or a request',
    meaning: 'A function of the room was called where the room is not registered.',
  },
  PTC_ISSUER_SCHEMA_MISSING: {
    boot: 'the database lacks %s: run the statements of `postgresSchema` first',
    meaning: 'The tables of the PostgreSQL store are missing, or of another version.',
  },
  PTC_ISSUER_KEYS_UNREADABLE: {
    boot: 'the stored keys cannot be opened with this `secret`: give the one they were stored with, or delete them to begin a new ring',
    meaning: 'The private keys in the store were encrypted with another secret.',
  },
  PTC_ISSUER_KEY_UNPUBLISHED: {
    boot: 'the next key was published %s seconds ago and may sign after %s; wait, or say compromised: true',
    meaning: '`rotateKeys()` was called before verifiers could know the next key.',
  },
} as const

/** The room's errors, by code. */
export const errors: Errors<typeof table> = defineErrors(table)
