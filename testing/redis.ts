import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { requiredProgram } from './installed.ts'
import { RevivableServer } from './revivable.ts'

/** Whether the tests over Redis run. */
export const hasRedis: boolean = requiredProgram('redis-server', '--version')

/** Starts Redis with these options, in memory alone; resolves once it is ready, or has ended. */
export async function launchRedis(options: Readonly<Record<string, string | number>>): Promise<ChildProcess> {
  const whole = { bind: '127.0.0.1', save: '', appendonly: 'no', ...options }
  const args = Object.entries(whole).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    // After the last word of its output.
    child.once('close', () => resolve())
    child.stdout.on('data', (text: Buffer) => {
      said += text.toString()
      if (said.includes('Ready to accept connections')) resolve()
    })
  })
  // Read on: a full pipe would stop the server.
  child.stdout.removeAllListeners('data').resume()
  return child
}

/** A real Redis on loopback that a test may kill, freeze and start again on the same port. */
export class RedisServer extends RevivableServer {
  readonly #folder: string
  readonly #clients: Redis[] = []

  private constructor(folder: string) {
    super()
    this.#folder = folder
  }

  static async start(): Promise<RedisServer> {
    return new RedisServer(await mkdtemp(join(tmpdir(), 'portcullis-redis-'))).begin()
  }

  protected override launch(port: number): Promise<ChildProcess> {
    return launchRedis({ port, dir: this.#folder })
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
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

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect()
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
