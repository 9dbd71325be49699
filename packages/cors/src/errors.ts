import { defineErrors, type Errors, type Refusal } from '@portcullis/kernel'
import { events } from './events.ts'

const sentence = 'This cross-origin request is not allowed.'

const table = {
  PTC_CORS_PREFLIGHT_REFUSED: {
    status: 403,
    sentence,
    event: events['cors.rejected'],
    meaning:
      'A preflight asked for an origin, a method or a request header that the target route does not allow. ' +
      "The event's `detail.reason` says which; the answer does so with `debug` only, and it carries no CORS field.",
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

/** The refusals of one policy. */
export type Refusals = Readonly<Record<'origin' | 'method' | 'header' | 'foreign', Refusal>>

const why = {
  origin: 'Its origin is not among `origins`.',
  method: 'No route at this URL serves the requested method to this origin.',
  header: 'A requested header field is not among `requestHeaders`.',
}

/** @param tellsWhy the sentence for the client says what only the event says otherwise (`debug`) */
export function refusalsOf(tellsWhy: boolean): Refusals {
  return tellsWhy ? telling : silent
}

const make = (told: (reason: keyof typeof why) => object): Refusals => ({
  origin: errors.PTC_CORS_PREFLIGHT_REFUSED.with({ detail: { reason: 'origin' }, ...told('origin') }),
  method: errors.PTC_CORS_PREFLIGHT_REFUSED.with({ detail: { reason: 'method' }, ...told('method') }),
  header: errors.PTC_CORS_PREFLIGHT_REFUSED.with({ detail: { reason: 'header' }, ...told('header') }),
  foreign: errors.PTC_CORS_ORIGIN_REFUSED.with({ detail: { reason: 'origin' }, ...told('origin') }),
})
const silent = make(() => ({}))
const telling = make((reason) => ({ sentence: `${sentence} ${why[reason]}` }))
