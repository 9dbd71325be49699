import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const table = {
  PTC_THROTTLE_TOO_FAST: {
    status: 429,
    sentence: 'Too many requests are waiting. Try again later.',
    event: events['throttle.refused'],
    meaning:
      'The caller asks faster than its pace, and more waits than `queue` allows. `Retry-After` says when to come back.',
  },
  PTC_THROTTLE_BUSY: {
    status: 503,
    sentence: 'The service is busy. Try again later.',
    event: events['throttle.refused'],
    meaning: 'All places are taken, and more waits for one than `queue` allows. `Retry-After` says when to come back.',
  },
  PTC_THROTTLE_OVERLOADED: {
    status: 503,
    sentence: 'The service is overloaded. Try again later.',
    event: events['throttle.shed'],
    meaning: 'The event loop runs later than `shed.eventLoopDelayMs`. `Retry-After` says when to come back.',
  },
  PTC_THROTTLE_CLOSING: {
    status: 503,
    sentence: 'The service is shutting down. Try again later.',
    event: events['throttle.interrupted'],
    meaning: 'The app closed while the request waited.',
  },
} as const

/** The room's errors by code. */
export const errors: Errors<typeof table> = defineErrors(table)
