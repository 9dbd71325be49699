import type { FastifyReply, FastifyRequest } from 'fastify'

/** RFC 6265bis §4.1.3.2: `__Host-` binds the cookie to this very host, to HTTPS and to the path `/`. */
export const refreshCookie = '__Host-portcullis-refresh'

/** Seconds a session lives at most, however often it is refreshed: 14 days. */
export const sessionLifetime: number = 14 * 24 * 60 * 60

const attributes = { path: '/', secure: true, httpOnly: true, sameSite: 'strict' } as const

/** Hands the browser its refresh token; scripts cannot read it. */
export function writeRefreshCookie(reply: FastifyReply, token: string, maxAge: number): void {
  reply.setCookie(refreshCookie, token, { ...attributes, maxAge })
}

/** Takes it away again. */
export function clearRefreshCookie(reply: FastifyReply): void {
  reply.clearCookie(refreshCookie, attributes)
}

/** The token the browser sent, if it has the shape of one. */
export function readRefreshCookie(request: FastifyRequest): string | null {
  const value = request.cookies[refreshCookie]
  return value !== undefined && /^[\w-]{43}$/.test(value) ? value : null
}
