import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A TCP proxy on loopback that can hold back every byte for a while. */
export class TcpProxy {
  /** Milliseconds that each chunk waits, in either direction. */
  delayMs = 0
  readonly port: number
  readonly #server: Server
  readonly #sockets: ReadonlySet<Socket>

  private constructor(server: Server, sockets: ReadonlySet<Socket>, relay: { of: TcpProxy | null }) {
    this.#server = server
    this.#sockets = sockets
    this.port = (server.address() as AddressInfo).port
    relay.of = this
  }

  static async start(target: number): Promise<TcpProxy> {
    const sockets = new Set<Socket>()
    const relay: { of: TcpProxy | null } = { of: null }
    const pass = (from: Socket, to: Socket): void => {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      from.on('data', (chunk) => {
        const wait = relay.of?.delayMs ?? 0
        if (wait === 0) to.write(chunk)
        else setTimeout(() => !to.destroyed && to.write(chunk), wait)
      })
    }
    const server = createServer((one) => {
      const other = connect(target, '127.0.0.1')
      pass(one, other)
      pass(other, one)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new TcpProxy(server, sockets, relay)
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
