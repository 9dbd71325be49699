import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const table = {
  PTC___CONCERN___FIELD_REFUSED: {
    status: 400,
    sentence: 'The request carries a header field that is not accepted.',
    event: events['__concern__.rejected'],
    meaning: 'The request carries one of `fields`.',
  },
} as const

/** What the room answers. */
export const errors: Errors<typeof table> = defineErrors(table)
