import { defineEvents, type Events } from '@portcullis/kernel'

/** The room's events, by type. Details name the reason, the SQLSTATE or the table: never a statement or a value. */
export const events: Events<'sql.refused' | 'sql.denied' | 'sql.failed' | 'sql.interrupted' | 'sql.overprivileged'> =
  defineEvents({
    'sql.refused': {
      severity: 'critical',
      meaning: 'A query that neither the builder nor a real template made was refused; `detail.reason` says why.',
    },
    'sql.denied': { severity: 'critical', meaning: 'The database denied the role a right that a statement needs.' },
    'sql.failed': {
      severity: 'warning',
      meaning: 'The database refused a value or a statement; answered 400, 409 or 500.',
    },
    'sql.interrupted': { severity: 'critical', meaning: 'The database was away, busy or too slow; answered 503.' },
    'sql.overprivileged': {
      severity: 'critical',
      meaning:
        '`reportOnly` let the app start: its role has rights that are not declared, could not be asked, or is not sure of its server; `code` says which.',
    },
  })
