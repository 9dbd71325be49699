import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const table = {
  PTC_XSS_TYPE_UNDECLARED: {
    status: 500,
    sentence: 'The answer could not be sent.',
    event: events['xss.refused'],
    meaning:
      'A handler answered with a document that may run as script, and its route does not say so. Write `config: { security: { xss: { html: true } } }` where it is meant.',
  },
  PTC_XSS_TYPE_MISSING: {
    status: 500,
    sentence: 'The answer could not be sent.',
    event: events['xss.refused'],
    meaning: 'Under `strict`, a handler answered without a Content-Type, or with one that is none.',
  },
  PTC_XSS_TEMPLATE_UNSAFE: {
    boot: 'a value of an html template stands %s',
    meaning: 'A template puts a value where no escaping makes it safe. The message says where, and what to write.',
  },
  PTC_XSS_PROFILE_UNKNOWN: {
    boot: 'contentMediaType %s names no profile; write text/html; profile=basic, with text, basic or article',
    meaning: 'A response schema names a profile that there is not.',
  },
  PTC_XSS_SCHEMA_UNRESOLVED: {
    boot: 'a response schema of %s refers to %s, which is not found; rich text behind it would leave as it was written',
    meaning: 'A `$ref` in a response schema cannot be followed, in an app whose schemas name rich text.',
  },
  PTC_XSS_SCHEMA_ENCODED: {
    boot: 'a response schema of %s has rich text in contentEncoding %s, which nobody can sanitise; send it as text, or leave its contentMediaType out',
    meaning: 'A string with `contentMediaType: text/html` has a `contentEncoding` too, such as `base64`.',
  },
} as const

/** What the room answers and throws. */
export const errors: Errors<typeof table> = defineErrors(table)
