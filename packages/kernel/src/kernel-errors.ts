import { defineErrors, type Errors } from './errors.ts'
import { events } from './kernel-events.ts'

const table = {
  PTC_ROOM_NOT_RECONFIGURABLE: {
    boot: '%s is not registered on this very instance, or its options cannot change while the app runs',
    meaning: '`reconfigure` was called for a room that is elsewhere, or that keeps what it opened at boot.',
  },
  PTC_OPTIONS_INVALID: {
    boot: '%s',
    meaning: 'The options of a room, of serverOptions() or of routes hold mistakes, all listed in `mistakes`.',
  },
  PTC_ROOM_DUPLICATE: {
    boot: '%s is already registered in this scope (@portcullis/security registers the rooms that it names, audit and headers too); keep one registration, or register the other inside a plugin of its own',
    meaning: 'The same concern was registered twice in one scope.',
  },
  PTC_ROOM_MISSING: { boot: '%s', meaning: 'A room needs another concern that no enclosing scope registers.' },
  PTC_ROOM_UNKNOWN: { boot: '%s has no place in the order table', meaning: 'A concern is not in the order table.' },
  PTC_KERNEL_IMPORTED_LATE: {
    boot: 'this app was created before @portcullis was imported, so its routes were not seen; import @portcullis packages before calling Fastify()',
    meaning: 'The app was created before the kernel was imported.',
  },
  PTC_KERNEL_PROTOCOL: {
    boot: 'two incompatible versions of @portcullis/kernel are loaded (protocols %s and %s); install one of them',
    meaning: 'Two incompatible copies of the kernel met in one app.',
  },
  PTC_ROUTE_RECORD_LOST: {
    boot: 'a later onRoute hook replaced the config of %s; write routeOptions.config = { ...routeOptions.config, … } there',
    meaning: "A plugin replaced a route's config, and its policy with it.",
  },
  PTC_ROUTE_UNRECORDED: {
    status: 500,
    sentence: 'The server is not able to answer this request.',
    event: events['request.failed'],
    meaning: 'A route without a compiled policy was reached; it is refused.',
  },
  PTC_STEP_FAILED: {
    status: 500,
    sentence: 'The server is not able to answer this request.',
    event: events['request.failed'],
    meaning: 'A step threw; the request is refused.',
  },
  PTC_SERVER_CLOSING: {
    status: 503,
    sentence: 'The server is shutting down. Try again.',
    event: events['request.rejected'],
    meaning: 'The app is closing.',
  },
  PTC_HOST_MISSING: {
    status: 400,
    sentence: 'The request has no Host field.',
    event: events['request.rejected'],
    meaning: 'An HTTP/1.1 request without Host (RFC 9112 §3.2).',
  },
  PTC_HOST_INVALID: {
    status: 400,
    sentence: 'The Host field is invalid.',
    event: events['request.rejected'],
    meaning:
      'An HTTP/1.1 request with two Host fields, with one that names no host (RFC 9112 §3.2) or with one that is not the ' +
      'host in its target (§3.2.2), or an HTTP/2 request whose Host is not its :authority (RFC 9113 §8.3.1).',
  },
  PTC_REQUEST_MALFORMED: {
    status: 400,
    sentence: 'The request is malformed.',
    event: events['request.rejected'],
    meaning:
      'The request could not be parsed, names another protocol than HTTP/1.0 and HTTP/1.1 in its first line, its URL ' +
      'could not be decoded, or its body could not be read.',
  },
  PTC_REQUEST_INVALID: {
    status: 400,
    sentence: 'The request does not match its schema.',
    event: events['request.rejected'],
    meaning: "The route's schema does not admit the request.",
  },
  PTC_REQUEST_TIMEOUT: {
    status: 408,
    sentence: 'The request took too long to arrive.',
    event: events['request.rejected'],
    meaning: 'The header section or the body did not arrive in time.',
  },
  PTC_URL_TOO_LONG: {
    status: 414,
    sentence: 'A part of the URL is too long.',
    event: events['request.rejected'],
    meaning: 'A path parameter exceeds `maxParamLength`.',
  },
  PTC_EXPECTATION_UNKNOWN: {
    status: 417,
    sentence: 'The expectation cannot be met.',
    event: events['request.rejected'],
    meaning: 'An Expect field other than 100-continue.',
  },
  PTC_FIELDS_TOO_LARGE: {
    status: 431,
    sentence: 'The header fields are too large.',
    event: events['request.rejected'],
    meaning: 'The header section exceeds the limit, or has as many fields as `server.maxHeadersCount` (absent: 1,000).',
  },
  PTC_BODY_TOO_LARGE: {
    status: 413,
    sentence: 'The request body is too large.',
    event: events['request.rejected'],
    meaning: 'The body exceeds `bodyLimit`.',
  },
  PTC_MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    sentence: 'The media type of the request body is not supported.',
    event: events['request.rejected'],
    meaning: 'No parser admits the Content-Type.',
  },
  PTC_NOT_FOUND: {
    status: 404,
    sentence: 'Not found.',
    event: events['request.rejected'],
    meaning: "No route serves the URL; in place of Fastify's default answer.",
  },
  PTC_INTERNAL: {
    status: 500,
    sentence: 'Internal server error.',
    event: events['request.failed'],
    meaning: "An error reached Fastify's default error handler.",
  },
  PTC_REQUEST_REFUSED: {
    status: 400,
    sentence: 'The request cannot be served.',
    event: events['request.rejected'],
    meaning: "Any other error of Fastify's own.",
  },
} as const

/** The kernel's own errors. */
export const errors: Errors<typeof table> = defineErrors(table)
