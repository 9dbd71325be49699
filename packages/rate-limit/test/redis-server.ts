import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { freePort } from './free-port.ts'

const binary = 'redis-server'

/** Whether this machine has Redis. Where it must have it (CI), tests run and fail instead. */
export const hasRedis: boolean = process.env['CI'] !== undefined || spawnSync(binary, ['--version']).status === 0
if (!hasRedis) process.stderr.write('redis-server is not installed: the tests over Redis do not run\n')

/** A real Redis on loopback that a test may kill, freeze and start again on the same port. */
export class RedisServer {
  readonly port: number
  readonly #folder: string
  readonly #clients: Redis[] = []
  #process: ChildProcess | null = null

  constructor(port: number, folder: string) {
    this.port = port
    this.#folder = folder
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), await mkdtemp(join(tmpdir(), 'ptc-redis-')))
    await server.revive()
    return server
  }

  async revive(): Promise<void> {
    const args = [
      '--port',
      String(this.port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      this.#folder,
    ]
    const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#process = child
    for await (const chunk of child.stdout!) if (String(chunk).includes('Ready to accept connections')) break
  }

  client(): Redis {
    const client = new Redis({
      port: this.port,
      host: '127.0.0.1',
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
    })
    client.on('error', () => {})
    this.#clients.push(client)
    return client
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
    for (const client of this.#clients) client.disconnect()
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
