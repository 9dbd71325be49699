import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Client } from 'memjs'
import { requiredProgram } from './installed.ts'
import { RevivableServer } from './revivable.ts'

/** Whether the tests over Memcached run. */
export const hasMemcached: boolean = requiredProgram('memcached', '-V')

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })

/** A real Memcached on loopback that a test may kill, freeze and start again on the same port. */
export class MemcachedServer extends RevivableServer {
  readonly #clients: Client[] = []

  static async start(): Promise<MemcachedServer> {
    return new MemcachedServer().begin()
  }

  protected override async launch(port: number): Promise<ChildProcess> {
    const args = ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', 'nobody']
    const child = spawn('memcached', args, { stdio: 'ignore' })
    await once(child, 'spawn')
    while (child.exitCode === null && !(await accepts(port))) await new Promise(setImmediate)
    return child
  }

  client(): Client {
    // One attempt: whoever asked has stopped waiting before a second.
    const client = Client.create(`127.0.0.1:${this.port}`, { retries: 1, timeout: 0.5, logger: { log: () => {} } })
    this.#clients.push(client)
    return client
  }

  /** Counters that it has been given since it started. */
  async items(client: Client): Promise<number> {
    return new Promise((resolve, reject) => {
      client.stats((error, _server, stats) => {
        if (error) reject(error)
        else resolve(Number((stats as Record<string, string>)['total_items']))
      })
    })
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close()
    await this.kill()
  }
}
