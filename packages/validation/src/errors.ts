import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const rejected = events['validation.rejected']

const table = {
  PTC_VALIDATION_PATH_REFUSED: {
    status: 400,
    sentence: 'The path of the request is ambiguous.',
    event: rejected,
    meaning:
      'The path holds an encoded slash or backslash, a control character, a dot segment, an empty segment, a semicolon, ' +
      'a double encoding, a fragment or what is not UTF-8. `detail.reason` names it.',
  },
  PTC_VALIDATION_UNDECLARED: {
    status: 400,
    sentence: 'The request has a part that is not accepted here.',
    event: rejected,
    meaning: 'A query, a path parameter or a body where the route has no schema for it. `detail.part` names it.',
  },
  PTC_VALIDATION_QUERY_REFUSED: {
    status: 400,
    sentence: 'The query names a parameter twice, one that is not accepted, or is no UTF-8.',
    event: rejected,
    meaning:
      'A parameter that is no list came more than once, one is named like a prototype, or the encoding is malformed.',
  },
  PTC_VALIDATION_MEDIA_TYPE: {
    status: 415,
    sentence: 'The media type of the request body is not accepted here.',
    event: rejected,
    meaning:
      'The Content-Type is missing, there twice, malformed, not in `mediaTypes`, lacks its boundary, or has a parameter that means nothing.',
  },
  PTC_VALIDATION_ENCODING: {
    status: 415,
    sentence: 'The content encoding of the request body is not accepted here.',
    event: rejected,
    meaning: 'The Content-Encoding is not in `contentEncodings`; `Accept-Encoding` lists those (RFC 9110 §12.5.3).',
  },
  PTC_VALIDATION_BODY_TOO_LARGE: {
    status: 413,
    sentence: 'The request body is too large.',
    event: rejected,
    meaning: 'The body is larger than `bodyLimit`, as it came or inflated, or a file is larger than its form admits.',
  },
  PTC_VALIDATION_BODY_TOO_SLOW: {
    status: 408,
    sentence: 'The request body arrives too slowly.',
    event: events['validation.timed-out'],
    meaning: 'After `bodyRate.grace` seconds the body came with less than `bodyRate.bytesPerSecond` on average.',
  },
  PTC_VALIDATION_BODY_MALFORMED: {
    status: 400,
    sentence: 'The request body could not be read.',
    event: rejected,
    meaning: 'The encoded body could not be inflated, something follows its end, or a form with files is malformed.',
  },
  PTC_VALIDATION_FILE_TYPE: {
    status: 415,
    sentence: 'The file is of no type that is accepted here.',
    event: rejected,
    meaning: '`acceptFile` found another type in the content of an uploaded file than those accepted.',
  },
  PTC_VALIDATION_FORM_REFUSED: {
    status: 400,
    sentence: 'The form of the request body is not accepted.',
    event: rejected,
    meaning: 'The form has too many fields, the name of a prototype, or what is no UTF-8. `detail.reason` names it.',
  },
  PTC_VALIDATION_JSON_REFUSED: {
    status: 400,
    sentence: 'The JSON of the request body is not accepted.',
    event: rejected,
    meaning:
      'The JSON is too deep, has too many members, a member twice, a number that a double cannot hold, invalid UTF-8, a ' +
      'lone surrogate or the name of a prototype. `detail.reason` names it.',
  },
} as const

/** What the room answers. */
export const errors: Errors<typeof table> = defineErrors(table)
