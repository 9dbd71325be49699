import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { Client } from 'memjs'
import { freePort } from './free-port.ts'

const binary = 'memcached'

/** Whether this machine has Memcached. Where it must have it (CI), tests run and fail instead. */
export const hasMemcached: boolean = process.env['CI'] !== undefined || spawnSync(binary, ['-V']).status === 0
if (!hasMemcached) process.stderr.write('memcached is not installed: the tests over Memcached do not run\n')

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })

/** A real Memcached on loopback that a test may kill, freeze and start again on the same port. */
export class MemcachedServer {
  readonly port: number
  readonly #clients: Client[] = []
  #process: ChildProcess | null = null

  constructor(port: number) {
    this.port = port
  }

  static async start(): Promise<MemcachedServer> {
    const server = new MemcachedServer(await freePort())
    await server.revive()
    return server
  }

  async revive(): Promise<void> {
    this.#process = spawn(binary, ['-l', '127.0.0.1', '-p', String(this.port), '-U', '0', '-u', 'nobody'], {
      stdio: 'ignore',
    })
    while (!(await accepts(this.port))) await new Promise(setImmediate)
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

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(name)
  }

  async kill(): Promise<void> {
    const child = this.#process
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close()
    await this.kill()
  }
}
