import type { Fields } from './origin.ts'

/** What a request is judged by before its body is read: as much of Fastify's request as that takes. */
export interface Asked {
  readonly method: string
  readonly headers: Fields
  readonly query: unknown
  readonly raw: object
  readonly security: object
}

/** As much of Node's TLS socket as tells of a certificate. */
interface Shown {
  readonly authorized?: boolean
  readonly authorizationError?: unknown
  getPeerX509Certificate?(): unknown
}

/** Whether the client showed a certificate: as the https room says, or as Node's TLS socket does. */
export function hasCertificate({ security, raw }: Asked): boolean {
  const { clientCertificate } = security as { clientCertificate?: object | null }
  if (clientCertificate !== undefined) return clientCertificate !== null
  const { socket } = raw as { socket?: Shown }
  if (socket?.authorized === true) return true
  // One that Node cannot verify may be one that the app knows by its fingerprint.
  return socket?.authorizationError != null && socket.getPeerX509Certificate?.() !== undefined
}
