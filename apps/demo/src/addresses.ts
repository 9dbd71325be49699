import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'

/** The ports the demo listens on; 0 takes one that is free. */
export interface Ports {
  /** The gateway, TLS. */
  readonly gateway: number
  /** The gateway, plaintext. */
  readonly plaintext: number
  /** The browser app, TLS. */
  readonly app: number
}

/** Where the demo is found when nobody says otherwise. */
export const defaultPorts: Ports = { gateway: 8443, plaintext: 8080, app: 8444 }

/** The names of the demo. `app.` and `api.` lie under one parent: browsers count them as one site. */
export const names = {
  local: 'localhost',
  api: 'api.portcullis.localhost',
  app: 'app.portcullis.localhost',
  userService: 'user-service.local',
  paymentService: 'payment-service.local',
} as const

/** Replaces zeros: origins and redirects hold the ports, so they must be known before anything listens. */
export async function choosePorts(ports: Ports): Promise<Ports> {
  const probes = Object.values(ports).map((port) => (port === 0 ? createServer().listen(0, '127.0.0.1') : null))
  const chosen: number[] = []
  for (const [index, probe] of probes.entries()) {
    if (probe !== null && !probe.listening) await once(probe, 'listening')
    chosen.push(probe === null ? (Object.values(ports)[index] as number) : (probe.address() as AddressInfo).port)
  }
  for (const probe of probes) if (probe !== null) await once(probe.close(), 'close')
  const [gateway, plaintext, app] = chosen as [number, number, number]
  return { gateway, plaintext, app }
}
