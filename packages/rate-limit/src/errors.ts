import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const table = {
  PTC_RATE_LIMIT_EXCEEDED: {
    status: 429,
    sentence: 'Rate limit exceeded. Try again later.',
    event: events['rate-limit.exceeded'],
    meaning: 'The caller has spent one of the quotas of this route. `Retry-After` says when to come back.',
  },
  PTC_RATE_LIMIT_BANNED: {
    status: 429,
    sentence: 'Too many requests were refused. Try again later.',
    event: events['rate-limit.exceeded'],
    meaning: 'A policy with `ban` has refused the caller too often. `Retry-After` says when the ban ends.',
  },
  PTC_RATE_LIMIT_UNAVAILABLE: {
    status: 503,
    sentence: 'The service is temporarily unavailable. Try again later.',
    event: events['rate-limit.closed'],
    meaning: 'The shared store does not answer and `onStoreError` is `closed`.',
  },
  PTC_RATE_LIMIT_NAME_REUSED: {
    boot: 'policy "%s" means one quota on %s and another on %s; give one of them another name',
    meaning: 'A policy name is the quota itself: two definitions may not share one.',
  },
} as const

/** The room's errors by code. */
export const errors: Errors<typeof table> = defineErrors(table)
