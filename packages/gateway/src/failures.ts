import { UploadError } from './bodies.ts'

/** How an exchange with an upstream can fail. */
export type Failure = 'upstream' | 'time-out' | 'body-too-large' | 'request-malformed'

/** Why the answer did not come in time. */
export class HeadersTimeout extends Error {
  readonly code = 'UND_ERR_HEADERS_TIMEOUT'
}

/** Why the answer's body broke off: nothing more came in time. */
export class BodyTimeout extends Error {
  readonly code = 'UND_ERR_BODY_TIMEOUT'
}

/** Why the exchange took too long as a whole. */
export class TotalTimeout extends Error {
  readonly code = 'TOTAL_TIMEOUT'
}

/** Why an answer is refused that is none in HTTP. */
export class NoAnswer extends Error {
  readonly code: 'NOT_A_STATUS_CODE' | 'UNKNOWN_TRANSFER_CODING'

  constructor(code: NoAnswer['code']) {
    super('the answer is none')
    this.code = code
  }
}

/** What makes a final answer none, or null. @param coding its Transfer-Encoding */
export function faultOfAnswer(status: number, coding: string | string[] | undefined): NoAnswer | null {
  // RFC 9110 §15
  if (status < 200 || status > 599) return new NoAnswer('NOT_A_STATUS_CODE')
  // RFC 9112 §6.1: the field stays behind, and what it says of the content with it.
  const known = coding === undefined || String(coding).toLowerCase() === 'chunked'
  return known ? null : new NoAnswer('UNKNOWN_TRANSFER_CODING')
}

/** Why an answer is cut that is longer than it may be. */
export class AnswerTooLarge extends Error {
  readonly code = 'ANSWER_TOO_LARGE'
}

/** Classifies what a request to a target failed with. */
export function failureOf(error: Error): Failure {
  if (error instanceof UploadError) return error.tooLarge ? 'body-too-large' : 'request-malformed'
  switch ((error as NodeJS.ErrnoException).code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
    case 'ETIMEDOUT':
    case 'TOTAL_TIMEOUT':
      return 'time-out'
    case 'UND_ERR_INVALID_ARG':
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
      return 'request-malformed'
    default:
      return 'upstream'
  }
}
