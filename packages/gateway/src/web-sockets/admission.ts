import { watchAdmission } from '@portcullis/kernel'
import type { FastifyRequest } from 'fastify'
import type { Tunnel } from './tunnel.ts'

/** Ends a WebSocket with what admitted it: when the token expires, or when it is revoked. @returns a function that stops */
export function endWithAdmission(request: FastifyRequest, tunnel: Tunnel): () => void {
  const expiry = request.security.identity?.claims['exp']
  if (typeof expiry === 'number') tunnel.expireIn(Math.max(expiry * 1000 - Date.now(), 0))
  return watchAdmission(request, () => tunnel.end('revoked'))
}
