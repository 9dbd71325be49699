import { defineErrors, type Errors } from '@portcullis/kernel'
import { events } from './events.ts'

const table = {
  PTC_GATEWAY_REQUEST_MALFORMED: {
    status: 400,
    sentence: 'This request cannot be forwarded as it is written.',
    event: events['gateway.rejected'],
    meaning:
      'Two Host fields or one that names no host, a fragment, space or raw non-ASCII byte in the request target, a ' +
      'transfer coding other than `chunked`, `chunked` in HTTP/1.0, or a body that broke off.',
  },
  PTC_GATEWAY_PATH_REFUSED: {
    status: 400,
    sentence: 'The path of this request is not acceptable.',
    event: events['gateway.rejected'],
    meaning:
      'A path with parameters has a dot segment, an empty segment, a `;`, a backslash, a control character, an encoded ' +
      'slash or a second encoding, or a service may take it for a path of another route with another policy.',
  },
  PTC_GATEWAY_SUBJECT_RESERVED: {
    status: 403,
    sentence: 'This identity cannot use this service.',
    event: events['gateway.rejected'],
    meaning: "A caller's subject is the one that `internalToken.anonymousSubject` reserves for anonymous callers.",
  },
  PTC_GATEWAY_REQUEST_INVALID: {
    status: 400,
    sentence: 'The request does not match what is described for this address.',
    event: events['gateway.rejected'],
    meaning:
      "A part of the request does not match the route's `schema`, or the operation of `openapi`; the sentence says what " +
      'is asked. `detail.part` and `detail.rule` name what is broken.',
  },
  PTC_GATEWAY_MEDIA_TYPE: {
    status: 415,
    sentence: 'The media type of the request body is not accepted here.',
    event: events['gateway.rejected'],
    meaning: 'The schemas of the route know no body of this Content-Type, or it has a Content-Encoding.',
  },
  PTC_GATEWAY_BODY_TOO_LARGE: {
    status: 413,
    sentence: 'The body of this request is too large.',
    event: events['gateway.rejected'],
    meaning: 'The body is declared larger than `bodyLimit`, or grew past it while it was forwarded.',
  },
  PTC_GATEWAY_UPGRADE_REFUSED: {
    status: 501,
    sentence: 'This connection cannot change its protocol.',
    event: events['gateway.rejected'],
    meaning: 'A WebSocket was asked for, and the route has no `webSocket`.',
  },
  PTC_GATEWAY_WEB_SOCKET_VERSION: {
    status: 426,
    sentence: 'This version of the WebSocket protocol is not spoken here.',
    event: events['gateway.rejected'],
    meaning: 'A WebSocket of another version than 13 was asked for.',
  },
  PTC_GATEWAY_WEB_SOCKET_ORIGIN_REFUSED: {
    status: 403,
    sentence: 'Pages of this origin may not open a WebSocket here.',
    event: events['gateway.rejected'],
    meaning: 'The page is neither of our own origin nor of one in `webSocket.origins`.',
  },
  PTC_GATEWAY_WEB_SOCKETS_SPENT: {
    status: 429,
    sentence: 'You have as many WebSockets open as you may have.',
    event: events['gateway.rejected'],
    meaning: 'The caller has `webSocket.connectionsPerCaller` open on this route.',
  },
  PTC_GATEWAY_UPSTREAM_FAILED: {
    status: 502,
    sentence: 'The service behind this address did not answer properly.',
    event: events['gateway.upstream-failed'],
    meaning: 'Connection refused or reset, certificate not valid for the service, or an answer that is not HTTP.',
  },
  PTC_GATEWAY_ANSWER_INVALID: {
    status: 502,
    sentence: 'The service behind this address did not answer properly.',
    event: events['gateway.answer-invalid'],
    meaning: 'The answer does not match what is described of it, and `validateResponses` is `refuse`.',
  },
  PTC_GATEWAY_OVERLOADED: {
    status: 503,
    sentence: 'The service behind this address is busy. Try again in a second.',
    event: events['gateway.overloaded'],
    meaning: 'As many requests as `concurrency` allows are already under way to the service.',
  },
  PTC_GATEWAY_UPSTREAM_UNAVAILABLE: {
    status: 503,
    sentence: 'The service behind this address is not available.',
    event: events['gateway.upstream-failed'],
    meaning:
      'Every target of the upstream is given up, by its circuit or the active checks; `Retry-After` says when one will ' +
      'be asked again, where that is known.',
  },
  PTC_GATEWAY_UPSTREAM_TIMED_OUT: {
    status: 504,
    sentence: 'The service behind this address did not answer in time.',
    event: events['gateway.upstream-timed-out'],
    meaning: "The service did not accept the connection, or did not answer, within the route's or its own time-outs.",
  },
} as const

/** The gateway's refusals, by code. */
export const errors: Errors<typeof table> = defineErrors(table)
