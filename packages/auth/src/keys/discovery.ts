import { readRemoteObject } from './jwks-document.ts'
import type { FetchRemote } from '../remote/json.ts'
import { faultOfUrl } from '../remote/url.ts'

/** A provider whose description contradicts the options: no retry mends that. */
export class DiscoveryContradiction extends Error {}

/** Where an issuer describes itself (OpenID Connect Discovery 1.0 §4). */
export function discoveryUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

/**
 * Asks an issuer where its keys are.
 *
 * Its `issuer` must be the configured one, letter by letter (§4.3), and the keys must be at its own origin: a description
 * that was tampered with can then send us nowhere. An issuer that keeps them elsewhere is configured with `jwks`.
 * @returns the URL of its keys.
 * @throws DiscoveryContradiction, or whatever the fetch throws.
 */
export async function discoverKeys(
  issuer: string,
  fetch: FetchRemote,
  limits: { readonly ca: string | undefined; readonly timeoutMs: number; readonly allowHttp: boolean },
): Promise<string> {
  const url = discoveryUrl(issuer)
  const { body } = await fetch({ url, ca: limits.ca, timeoutMs: limits.timeoutMs, maxBytes: MAX_BYTES })
  const described = body === null ? null : readRemoteObject(body)
  if (described === null) throw new Error(`${url}: is no JSON object`)
  const { issuer: named, jwks_uri: keys } = described
  if (named !== issuer) throw new DiscoveryContradiction(`${url} describes another issuer than ${issuer}`)
  if (typeof keys !== 'string' || faultOfUrl(keys, limits.allowHttp) !== null)
    throw new DiscoveryContradiction(`${url} names no jwks_uri that is https`)
  if (new URL(keys).origin !== new URL(issuer).origin)
    throw new DiscoveryContradiction(
      `${url} names a jwks_uri at another origin; write it into the option jwks if it is right`,
    )
  return keys
}

/** Descriptions have a few kilobytes. */
const MAX_BYTES = 262_144
