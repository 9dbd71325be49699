import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const event = events['csrf.rejected']

const table = {
  PTC_CSRF_CROSS_SITE: {
    status: 403,
    sentence: 'This request comes from another site.',
    event,
    meaning: 'A browser says that a page which is not among `origins` asks for a state change.',
  },
  PTC_CSRF_TOKEN_REQUIRED: {
    status: 403,
    sentence: 'This request needs a CSRF token.',
    event,
    meaning: 'Nothing says where the request comes from, or the route asks for a token always, and it carries none.',
  },
  PTC_CSRF_TOKEN_INVALID: {
    status: 403,
    sentence: 'The CSRF token is not valid.',
    event,
    meaning: 'The token is malformed, was made with another key, or belongs to another session.',
  },
  PTC_CSRF_JSON_REQUIRED: {
    status: 415,
    sentence: 'Send JSON, labelled application/json.',
    event,
    meaning: 'With `jsonOnly`, a body came with a media type that a form can send, or with none.',
  },
  PTC_CSRF_SECRETS_MISSING: {
    boot: 'no token can be made: %s',
    meaning:
      'A route that `sendToken` serves is under no `secrets`. Also thrown by what makes and ends tokens where no room with ' +
      '`secrets` is registered.',
  },
} as const

/** What this room answers, and what it throws. */
export const errors: Errors<typeof table> = defineErrors(table)

/** The refusals, each with what the event tells. */
export const refusals = {
  site: errors.PTC_CSRF_CROSS_SITE.with({ detail: { reason: 'site' } }),
  origin: errors.PTC_CSRF_CROSS_SITE.with({ detail: { reason: 'origin' } }),
  tokenMissing: errors.PTC_CSRF_TOKEN_REQUIRED.with({ detail: { reason: 'token-missing' } }),
  tokenInvalid: errors.PTC_CSRF_TOKEN_INVALID.with({ detail: { reason: 'token-invalid' } }),
  // RFC 9110 §15.5.16: Accept says what would have been taken.
  'media-type': errors.PTC_CSRF_JSON_REQUIRED.with({
    detail: { reason: 'media-type' },
    fields: { accept: 'application/json' },
  }),
} as const
