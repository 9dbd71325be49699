import { compileAllowlist } from './allowlist.ts'
import {
  compileLookup,
  systemClock,
  type Clock,
  type Lookup,
  type LookupFailed,
  type LookupSettings,
} from './lookup.ts'
import type { CorsOptions } from './options.ts'
import { LONGEST_ORIGIN, readOrigin } from './origin.ts'
import { compileRequestHeaders, holdsMethod, type AdmitsHeaders } from './preflight.ts'

/** Seconds that preflights are remembered unless the options say otherwise. Safari keeps none longer than the second. */
const REMEMBERED_WITH_CREDENTIALS = 60
const REMEMBERED = 600

/** What @fastify/cors is asked: policies that differ in their origins only get the same answer. */
export interface Question {
  /** Everybody may read: the answer is constant. */
  readonly everybody: boolean
  readonly credentials: boolean
  readonly requestHeaders: readonly string[]
  readonly exposedHeaders: readonly string[]
  readonly maxAge: number
}

/** Options parsed once into a decision. */
export interface Decision {
  /** Whether the origin may read; a promise only while a function is being asked. */
  readonly admits: Lookup
  /** True if the method may be granted, where it exists. */
  readonly allowsMethod: (method: string) => boolean
  readonly admitsHeaders: AdmitsHeaders
  /** Undefined: the options do not say. */
  readonly refusesForeignOrigins: boolean | undefined
  /** Refusals tell the client why. */
  readonly tellsWhy: boolean
  readonly question: Question
}

/**
 * Makes the decision of one policy. The options are validated and complete.
 * @param failed is told why a function that `origins` names gave no answer
 */
export function decide(
  options: Readonly<CorsOptions>,
  failed: LookupFailed = () => undefined,
  clock: Clock = systemClock,
): Decision {
  const { origins, credentials = false, requestHeaders = [], exposedHeaders = [] } = options
  const methods = options.methods === undefined ? undefined : new Set(options.methods)
  return Object.freeze({
    admits:
      typeof origins === 'function'
        ? compileLookup(origins, worthAsking(credentials), options.lookup as LookupSettings, clock, failed)
        : compileAllowlist(origins),
    allowsMethod: methods === undefined ? () => true : (method: string) => holdsMethod(methods, method),
    admitsHeaders: compileRequestHeaders(requestHeaders),
    refusesForeignOrigins: options.refuseForeignOrigins,
    tellsWhy: options.debug === true,
    question: Object.freeze({
      everybody: typeof origins !== 'function' && origins.includes('*'),
      credentials,
      requestHeaders,
      exposedHeaders,
      maxAge: options.maxAge ?? (credentials ? REMEMBERED_WITH_CREDENTIALS : REMEMBERED),
    }),
  })
}

/**
 * What a function is asked about: only what a browser sends for a page that can be told from all others, and with
 * credentials only what nobody on the way can be.
 */
function worthAsking(credentials: boolean): (origin: string) => boolean {
  return (origin) => {
    if (origin.length > LONGEST_ORIGIN) return false
    const read = readOrigin(origin)
    return !('rule' in read) && read.kind === 'exact' && (read.confidential || !credentials)
  }
}
