import { randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** RFC 6265bis §4.1.3.2: `__Host-` binds the cookie to this very host, to HTTPS and to the path `/`. */
export const visitCookie = '__Host-portcullis-visit'

/** The visit that the browser is on; null if it has not opened the page. */
export function visitOf(request: FastifyRequest): string | null {
  const value = request.cookies[visitCookie]
  return value !== undefined && /^[\w-]{22}$/.test(value) ? value : null
}

/**
 * Gives the browser the name of its visit, which ends when the browser closes. It admits to nothing; it says which
 * reports belong together, and that whoever sends them has the page open: SameSite keeps it from other sites' pages.
 */
export function beginVisit(request: FastifyRequest, reply: FastifyReply): void {
  if (visitOf(request) !== null) return
  const visit = randomBytes(16).toString('base64url')
  reply.setCookie(visitCookie, visit, { path: '/', secure: true, httpOnly: true, sameSite: 'strict' })
}
