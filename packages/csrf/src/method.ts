import type { Fields } from './origin.ts'

/** RFC 9110 §9.2.1. CONNECT, QUERY and methods of one's own are not among them. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/**
 * Whether a request only reads. An override on a safe method may make another of it further in; an override on an unsafe
 * one changes nothing. A handshake opens a channel that the Same Origin Policy does not guard (RFC 6455 §10.2).
 */
export function isSafe(method: string, fields: Fields, query: unknown): boolean {
  if (!SAFE.has(method)) return false
  if (fields['upgrade'] !== undefined && /websocket/i.test(fields['upgrade'] as string)) return false
  if (fields['x-http-method-override'] !== undefined) return false
  if (fields['x-http-method'] !== undefined || fields['x-method-override'] !== undefined) return false
  return typeof query !== 'object' || query === null || !('_method' in query)
}
