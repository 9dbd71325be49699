import { defineEvents, type Events } from '@portcullis/kernel'

/** The gateway's events, by type. */
export const events: Events<
  | 'gateway.rejected'
  | 'gateway.upstream-failed'
  | 'gateway.upstream-timed-out'
  | 'gateway.overloaded'
  | 'gateway.answer-invalid'
  | 'gateway.cut'
  | 'gateway.target-ejected'
  | 'gateway.target-restored'
> = defineEvents({
  'gateway.rejected': { severity: 'warning', meaning: 'A request was refused before it reached a service.' },
  'gateway.upstream-failed': { severity: 'critical', meaning: 'A service could not be reached, or not be trusted.' },
  'gateway.upstream-timed-out': { severity: 'warning', meaning: 'A service did not answer in time.' },
  'gateway.overloaded': { severity: 'warning', meaning: 'A service already had as many requests as it may have.' },
  'gateway.answer-invalid': {
    severity: 'warning',
    meaning: 'An answer does not match what is described of it; `detail` says in what, never what was answered.',
  },
  'gateway.cut': {
    severity: 'warning',
    meaning:
      'An answer was cut in the middle: its service broke off, its client read too slowly, or what admitted it is over.',
  },
  'gateway.target-ejected': {
    severity: 'critical',
    meaning: 'A target is no longer asked: it failed too often, or the active checks say so.',
  },
  'gateway.target-restored': { severity: 'info', meaning: 'A target that was given up is asked again.' },
})
