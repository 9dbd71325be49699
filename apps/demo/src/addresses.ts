import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'

/** The ports the demo listens on; 0 takes one that is free. */
export interface Ports {
  /** The gateway, TLS. */
  readonly gateway: number
  /** The gateway, plaintext. */
  readonly plaintext: number
  /** The browser app, TLS. */
  readonly app: number
  /** Where operators look at the gateway: not for clients. */
  readonly operation: number
}

/** Where the demo is found when nobody says otherwise. */
export const defaultPorts: Ports = { gateway: 8443, plaintext: 8080, app: 8444, operation: 8445 }

/** The names of the demo. `app.` and `api.` lie under one parent: browsers count them as one site. */
export const names = {
  local: 'localhost',
  api: 'api.portcullis.localhost',
  app: 'app.portcullis.localhost',
  userService: 'user-service.local',
  paymentService: 'payment-service.local',
} as const

/**
 * Tries all ports before anything is started, and replaces zeros: origins and redirects hold the ports.
 * @throws a sentence that names a port that is taken, or not allowed.
 */
export async function choosePorts(ports: Ports): Promise<Ports> {
  const probes: Server[] = []
  const chosen = { ...ports }
  try {
    for (const name of ['gateway', 'plaintext', 'app', 'operation'] as const) {
      const probe = createServer()
      probe.listen(ports[name], '127.0.0.1')
      await once(probe, 'listening')
      probes.push(probe)
      chosen[name] = (probe.address() as AddressInfo).port
    }
  } catch (error) {
    throw explained(error as NodeJS.ErrnoException & { port?: number })
  } finally {
    for (const probe of probes) await once(probe.close(), 'close')
  }
  return chosen
}

function explained(error: NodeJS.ErrnoException & { port?: number }): Error {
  const port = `port ${error.port}`
  const sentence =
    error.code === 'EADDRINUSE'
      ? `${port} is taken. Stop what listens there, or choose others: GATEWAY_PORT, PLAINTEXT_PORT, APP_PORT, OPERATION_PORT.`
      : `${port} cannot be listened on (${error.code ?? error.message}).`
  return new Error(sentence, { cause: error })
}
