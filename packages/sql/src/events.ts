import { defineEvents, type Events } from '@portcullis/kernel'

/** The room's events, by type. Details name the reason, the SQLSTATE or the table: never a statement or a value. */
export const events: Events<'sql.refused' | 'sql.denied' | 'sql.failed' | 'sql.interrupted' | 'sql.overprivileged'> =
  defineEvents({
    'sql.refused': {
      severity: 'critical',
      meaning:
        'A query that neither the builder nor a real template made was refused; `detail.reason`, and the log, say why: `raw-text` (`sql.raw`, a text that is no template), `no-statement` (a string or an object for a query, or one about something else than rows), `value-in-quotes` (write `contains`), `stacked-statements`, `unclosed` (a quote or a comment), `session-statement` (`begin`: write `transaction`), `literal` (a text that the builder would paste), `forged-query` and `forged-node` (data, or of another Kysely), or a name that PostgreSQL does not have (`operator`, `function`, `data-type`, …).',
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
