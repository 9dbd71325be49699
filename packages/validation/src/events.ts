import { defineEvents, type Events } from '@portcullis/kernel'

/** What the room tells listeners. */
export const events: Events<'validation.rejected' | 'validation.timed-out'> = defineEvents({
  'validation.rejected': {
    severity: 'warning',
    meaning: 'A request was refused before its schema was asked; `detail.reason` says why, never what was sent.',
  },
  'validation.timed-out': {
    severity: 'warning',
    meaning: 'A body came more slowly than `bodyRate`; `detail.received` is how many bytes had come.',
  },
})
