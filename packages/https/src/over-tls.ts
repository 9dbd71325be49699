import type { FastifyInstance, FastifyRequest } from 'fastify'
import { optionsOf } from './app-internals.ts'

/** A trusted proxy may spell the scheme in capitals; untrusted peers are not asked (`trustProxy`). */
export function overTls({ protocol }: FastifyRequest): boolean {
  return protocol === 'https' || (protocol as string | undefined)?.toLowerCase() === 'https'
}

/** An injected request has no connection: it counts as one to the main server, unless a trusted proxy says otherwise. */
export function overTlsOrInjected(request: FastifyRequest): boolean {
  if (overTls(request)) return true
  if (!('isLightMyRequest' in request.raw)) return false
  Object.assign(request.raw.socket, { encrypted: true })
  return overTls(request)
}

/** Whether something in front may speak TLS for this app. Fastify keeps `trustProxy` out of `initialConfig`. */
export function mayBeForwarded(app: FastifyInstance): boolean {
  const options = optionsOf(app)
  if (options === undefined) return true
  const { trustProxy } = options
  return trustProxy !== undefined && trustProxy !== false && trustProxy !== null && trustProxy !== ''
}

/** Whether anybody may say what a request came over. */
export function trustsEverybody(app: FastifyInstance): boolean {
  return optionsOf(app)?.trustProxy === true
}

/** Whether a peer is a proxy of ours, as far as the app can tell: a list that Fastify itself compiled is out of reach. */
export function proxyKnower(app: FastifyInstance): (address: string | undefined) => boolean {
  const trust = optionsOf(app)?.trustProxy
  return typeof trust === 'function' ? (address) => trust(address, 0) === true : () => false
}
