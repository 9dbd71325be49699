import { defineEvents, type Events } from '@portcullis/kernel'

/** What this room reports. */
export const events: Events<'cors.rejected' | 'cors.withheld' | 'cors.lookup-failed'> = defineEvents({
  'cors.rejected': {
    severity: 'warning',
    meaning: 'A preflight, or with `refuseForeignOrigins` a request, was refused; `detail.reason` says why.',
  },
  'cors.withheld': {
    severity: 'info',
    meaning: 'A request from an origin that is not on the list went on, and its answer carries no CORS field.',
  },
  'cors.lookup-failed': {
    severity: 'warning',
    meaning:
      'The function in `origins` gave no answer, which counts as a no; `detail.reason` is `deadline`, `threw`, ' +
      '`not-boolean` or `busy` (`lookup.maxPending` reached).',
  },
})
