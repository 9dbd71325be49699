import { defineEvents, type Events } from '@portcullis/kernel'

/** What this room reports. */
export const events: Events<'cors.rejected' | 'cors.withheld'> = defineEvents({
  'cors.rejected': {
    severity: 'warning',
    meaning: 'A preflight, or with `refuseForeignOrigins` a request, was refused; `detail.reason` says why.',
  },
  'cors.withheld': {
    severity: 'info',
    meaning: 'A request from an origin that is not on the list went on, and its answer carries no CORS field.',
  },
})
