import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const table = {
  PTC_SQL_QUERY_REFUSED: {
    status: 500,
    sentence: 'Internal server error.',
    event: events['sql.refused'],
    meaning: 'A query of unknown origin was refused before it reached the database.',
  },
  PTC_SQL_VALUE_REFUSED: {
    status: 400,
    sentence: 'A value of this request cannot be stored or compared.',
    event: events['sql.failed'],
    meaning:
      'NUL bytes, bad encoding, a number out of range, a text that is no date, a failed check (SQLSTATE 22, 23, 54).',
  },
  PTC_SQL_DENIED: {
    status: 403,
    sentence: 'This is not allowed.',
    event: events['sql.denied'],
    meaning: 'The role lacks a right, or row-level security refused the row (42501).',
  },
  PTC_SQL_CONFLICT: {
    status: 409,
    sentence: 'This conflicts with what is stored already.',
    event: events['sql.failed'],
    meaning: 'A unique, foreign key or exclusion constraint was violated (23505, 23503, 23P01).',
  },
  PTC_SQL_FAILED: {
    status: 500,
    sentence: 'Internal server error.',
    event: events['sql.failed'],
    meaning: 'Any other error of the database; it is the cause of the error thrown, for the log alone.',
  },
  PTC_SQL_UNAVAILABLE: {
    status: 503,
    sentence: 'The data is not available at the moment. Try again in a second.',
    event: events['sql.interrupted'],
    meaning: 'The statement timed out, could not be serialized or was deadlocked, or the database is away or full.',
  },
  PTC_SQL_RIGHTS_EXCESSIVE: {
    boot: "the rights of the database role are not those that `rights` declares:\n%s\nA member of the owner's role runs:\n%s",
    meaning: 'The role may do more than is declared, or less; the message holds the lines to paste.',
  },
  PTC_SQL_UNVERIFIED: {
    boot: 'the connections of `pool` %s; give it ssl: { rejectUnauthorized: true, ca }, or url and ca to the room',
    meaning:
      'A pool of yours speaks to a server on another machine in plaintext, or to one that need not prove who it is.',
  },
  PTC_SQL_UNREACHABLE: {
    boot: 'the database could not be asked for the rights of the role: %s',
    meaning: 'The database was away at boot, so the rights of the role are not known.',
  },
  PTC_SQL_ABSENT: {
    boot: 'no database is registered here: register @portcullis/sql, and call this with its app, one inside it, or a request',
    meaning: '`databaseOf()` was called where the room is not registered.',
  },
  PTC_SQL_NAME_UNLISTED: {
    boot: 'an allow-list must name its identifiers: %s',
    meaning: '`sql.identifier()` or `orderBy()` was given an empty list or one that is no list of names.',
  },
} as const

/** The room's errors, by code. */
export const errors: Errors<typeof table> = defineErrors(table)
