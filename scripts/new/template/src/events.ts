import { defineEvents, type Events } from '@portcullis/kernel'

/** What the room tells listeners. */
export const events: Events<'__concern__.rejected'> = defineEvents({
  '__concern__.rejected': { severity: 'warning', meaning: 'A request carried a forbidden field; `detail.field` names it.' },
})
