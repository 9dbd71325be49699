import { defineEvents, type Events } from './event-kinds.ts'

/** What the kernel itself reports. */
export const events: Events<'request.rejected' | 'request.failed'> = defineEvents({
  'request.rejected': { severity: 'warning', meaning: 'A request could not be read or is not admitted in its form.' },
  'request.failed': {
    severity: 'critical',
    meaning: 'A request was refused because the app is not able to serve it safely.',
  },
})
