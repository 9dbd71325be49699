import { STATUS_CODES } from 'node:http'
import type { SecurityEventKind } from './event-kinds.ts'

/** Marks refusals across copies of the kernel. */
const BRAND = 'portcullis.refusal'

/** What a refusal may carry beyond its constant parts. */
export interface RefusalDetails {
  /** Replaces the sentence; never derived from the request. */
  readonly sentence?: string
  /** Header fields written with the refusal, such as `www-authenticate`. Names in lower case. */
  readonly fields?: Readonly<Record<string, string | readonly string[]>>
  /** Whole seconds until a retry makes sense: becomes `Retry-After` and the problem's `retryAfter`. */
  readonly retryAfter?: number
  /** For the event only; never sent to the client. No secrets. */
  readonly detail?: Readonly<Record<string, unknown>>
}

/** The problem a client is shown (RFC 9457), before `formatProblem`. */
export interface Problem {
  readonly code: string
  readonly status: number
  /** The status code's reason phrase. */
  readonly title: string
  /** One readable sentence. */
  readonly error: string
  readonly retryAfter?: number
}

const NO_DETAILS: RefusalDetails = Object.freeze({})

/** A decision to refuse: a constant value, not an Error. Written to the wire by the kernel alone. */
export class Refusal {
  readonly brand: string = BRAND
  readonly code: string
  readonly status: number
  readonly sentence: string
  readonly event: SecurityEventKind
  readonly details: RefusalDetails
  /** The refusal whose problem this one shows: itself, unless its particulars stay out of the body. */
  readonly told: Refusal
  /** Whether it exists for as long as its room, not for one request. */
  readonly constant: boolean

  constructor(
    code: string,
    status: number,
    sentence: string,
    event: SecurityEventKind,
    details: RefusalDetails = NO_DETAILS,
    told?: Refusal,
  ) {
    this.code = code
    this.status = status
    this.sentence = details.sentence ?? sentence
    this.event = event
    this.details = details
    this.told = told ?? this
    this.constant = details === NO_DETAILS
  }

  /** The same refusal with particulars of this request. */
  with(details: RefusalDetails): Refusal {
    const shown = details.sentence !== undefined || details.retryAfter !== this.details.retryAfter
    return new Refusal(this.code, this.status, this.sentence, this.event, details, shown ? undefined : this.told)
  }

  /** The same refusal under another status, in that status's own words. */
  at(status: number): Refusal {
    return new Refusal(this.code, status, `${STATUS_CODES[status] ?? 'Error'}.`, this.event, this.details)
  }

  /**
   * A handler that returns a refusal, or an object with one in it, would answer 200.
   * @throws always, with what to write instead
   */
  toJSON(): never {
    throw new TypeError(
      `a handler answered with the refusal ${this.code} as if it were data; write: return refuse(request, reply, refusal), with refuse of @portcullis/kernel`,
    )
  }

  get problem(): Problem {
    const { retryAfter } = this.details
    return {
      error: this.sentence,
      code: this.code,
      status: this.status,
      title: STATUS_CODES[this.status] ?? 'Error',
      ...(retryAfter === undefined ? {} : { retryAfter }),
    }
  }
}

/** True for refusals of any copy of the kernel. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && (value as { brand?: unknown }).brand === BRAND
}
