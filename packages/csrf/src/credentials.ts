import { hasCertificate, type Asked } from './asked.ts'

/** Credentials that a browser sends on its own, whoever's page asks. */
export type Ambient = 'cookie' | 'basic' | 'client-certificate'

/** What a request is admitted by. */
export type Admission =
  /** By something a browser sends on its own. */
  | 'ambient'
  /** By something that only its holder can send: a bearer token and nothing else. */
  | 'explicit'
  /** By nothing. */
  | 'none'

/** Schemes whose credentials browsers keep and send by themselves (RFC 7617, 7616, 4559, 7486, 8120). */
const KEPT_BY_BROWSERS = /^(?:basic|digest|negotiate|ntlm|hoba|mutual)(?: |$)/i

/**
 * How a request is admitted.
 * @param ambient what counts as ambient
 */
export function admissionOf(asked: Asked, ambient: ReadonlySet<Ambient>): Admission {
  const { cookie, authorization } = asked.headers
  if (cookie !== undefined && ambient.has('cookie')) return 'ambient'
  const kept = authorization !== undefined && KEPT_BY_BROWSERS.test(authorization as string)
  if (kept && ambient.has('basic')) return 'ambient'
  if (ambient.has('client-certificate') && hasCertificate(asked)) return 'ambient'
  return authorization === undefined || kept ? 'none' : 'explicit'
}
