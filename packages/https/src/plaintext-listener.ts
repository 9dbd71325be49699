import { lookup } from 'node:dns/promises'
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { errors } from './errors.ts'

/** A plaintext port that lives and dies with the main server. */
export interface PlaintextListener {
  /** Where it listens; null before and after. */
  address(): AddressInfo | null
  /** Takes no more connections and closes those that are idle. */
  stop(): void
  /** Resolves when the last connection is gone; cuts whatever is left after `grace` milliseconds. */
  finish(grace: number): Promise<void>
}

/** What the listener takes over from a `node:http(s)` server, where it has it. */
type MainServer = NetServer &
  Partial<Pick<Server, 'headersTimeout' | 'requestTimeout' | 'maxHeadersCount'>> & {
    readonly maxHeaderSize?: number
    readonly requireHostHeader?: boolean
  }

/**
 * Makes `main.listen` open the plaintext port first: if that fails, the main server emits the error as if it were its
 * own and opens nothing, so that `app.listen` rejects. An `onListen` hook could only log.
 * @param route receives every request; the whole chain stands behind it
 */
export function attachPlaintextListener(
  main: MainServer,
  route: RequestListener,
  { port, host }: { readonly port: number; readonly host?: string },
): PlaintextListener {
  const servers: Server[] = []
  let stopped = false

  const stop = (): void => {
    stopped = true
    for (const server of servers) server.close()
    for (const server of servers) server.closeIdleConnections()
  }

  const open = async (mainHost: string | undefined): Promise<void> => {
    const name = host ?? mainHost ?? '::'
    // Fastify binds every address of localhost; a stranger's process on the other one would see the plaintext.
    const addresses =
      name === 'localhost' ? [...new Set((await lookup(name, { all: true })).map((one) => one.address))] : [name]
    for (const address of addresses) {
      if (stopped) return
      const first = servers[0]?.address() as AddressInfo | undefined
      const server = createPlaintextServer(main, route)
      try {
        await listening(server, first?.port ?? port, address)
        servers.push(server)
      } catch (error) {
        const code = String((error as NodeJS.ErrnoException).code)
        // ::1 may be listed in a hosts file and yet not exist; of a port chosen at random it may be taken.
        if (first !== undefined && (port === 0 || code !== 'EADDRINUSE')) continue
        throw new errors.PTC_HTTPS_PLAINTEXT_UNAVAILABLE(name, String(port), code)
      }
    }
    if (stopped) stop()
  }

  const listen = main.listen.bind(main) as (...given: unknown[]) => NetServer
  main.listen = (...given: unknown[]): NetServer => {
    stopped = false
    open(listenHost(given)).then(
      () => {
        if (stopped) return
        try {
          listen(...given)
        } catch (error) {
          main.emit('error', error)
        }
      },
      (error: unknown) => {
        stop()
        main.emit('error', error)
      },
    )
    return main
  }
  main.on('error', () => {
    if (!main.listening) stop()
  })
  main.on('close', stop)

  return {
    address: () => (servers.find((one) => one.listening)?.address() as AddressInfo | undefined) ?? null,
    stop,
    async finish(grace) {
      stop()
      const closed = servers.splice(0).map(async (server) => {
        const timer = setTimeout(() => server.closeAllConnections(), grace)
        await new Promise<void>((resolve) => server.close(() => resolve()))
        clearTimeout(timer)
      })
      await Promise.all(closed)
    },
  }
}

/** A server that answers whatever no request exists for as the main server does. */
function createPlaintextServer(main: MainServer, route: RequestListener): Server {
  const requestTimeout = main.requestTimeout === undefined || main.requestTimeout === 0 ? 30_000 : main.requestTimeout
  const options: ServerOptions = {
    requestTimeout,
    headersTimeout: Math.min(main.headersTimeout ?? 10_000, 10_000, requestTimeout),
    connectionsCheckingInterval: 1000,
    // Answers here are final, there is no conversation to keep open.
    keepAliveTimeout: 1000,
  }
  if (main.maxHeaderSize !== undefined) options.maxHeaderSize = main.maxHeaderSize
  if (main.requireHostHeader !== undefined) options.requireHostHeader = main.requireHostHeader
  const server = createServer(options, route)
  if (typeof main.maxHeadersCount === 'number') server.maxHeadersCount = main.maxHeadersCount
  for (const event of ['clientError', 'checkExpectation'] as const) {
    for (const listener of main.listeners(event)) server.on(event, listener as (...given: unknown[]) => void)
  }
  // RFC 9110 §10.1.1: a final answer instead of 100 keeps the body from being sent in the clear at all.
  server.on('checkContinue', route)
  return server
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, host }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** The host in the arguments of `server.listen`, in either of its forms. */
function listenHost([first, second]: readonly unknown[]): string | undefined {
  if (typeof first === 'object' && first !== null && 'host' in first && typeof first.host === 'string')
    return first.host
  return typeof second === 'string' ? second : undefined
}
