import { compileAllowlist, type Allows } from './allowlist.ts'
import type { CorsOptions } from './options.ts'
import { compileRequestHeaders, holdsMethod, type AdmitsHeaders } from './preflight.ts'

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
  /** True if the origin may read. */
  readonly allows: Allows
  /** True if the method may be granted, where it exists. */
  readonly allowsMethod: (method: string) => boolean
  readonly admitsHeaders: AdmitsHeaders
  readonly refusesForeignOrigins: boolean
  readonly question: Question
}

/** Makes the decision of one policy. The options are validated and complete. */
export function decide(options: Readonly<CorsOptions>): Decision {
  const { credentials = false, requestHeaders = [], exposedHeaders = [], maxAge = -1 } = options
  const methods = options.methods === undefined ? undefined : new Set(options.methods)
  return Object.freeze({
    allows: compileAllowlist(options.origins),
    allowsMethod: methods === undefined ? () => true : (method: string) => holdsMethod(methods, method),
    admitsHeaders: compileRequestHeaders(requestHeaders),
    refusesForeignOrigins: options.refuseForeignOrigins === true,
    question: Object.freeze({
      everybody: options.origins.includes('*'),
      credentials,
      requestHeaders,
      exposedHeaders,
      maxAge,
    }),
  })
}
