import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const sentence = 'This cross-origin request is not allowed.'

const table = {
  PTC_CORS_PREFLIGHT_REFUSED: {
    status: 403,
    sentence,
    event: events['cors.rejected'],
    meaning:
      'A preflight asked for an origin, a method or a request header that the target route does not allow. ' +
      "The event's `detail.reason` says which; the answer does not, and it carries no CORS field.",
  },
  PTC_CORS_ORIGIN_REFUSED: {
    status: 403,
    sentence,
    event: events['cors.rejected'],
    meaning: 'With `refuseForeignOrigins`, a request came from a page of an origin that is not on the list.',
  },
  PTC_CORS_ENGINE_FAILED: {
    boot: '@fastify/cors %s; pin the version of @fastify/cors that this package was released with',
    meaning: 'At boot, @fastify/cors gave an answer that would not protect anything.',
  },
} as const

/** What this room answers, and what it throws at boot. */
export const errors: Errors<typeof table> = defineErrors(table)
