import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { developmentCertificates } from '@portcullis/https'
import { freePort } from '@portcullis/testing/free-port'

const MAIN = join(import.meta.dirname, '../apps/gateway/src/main.ts')

/** Milliseconds in which a busy machine does whatever is asked. */
const PATIENCE = 60_000

/** A plain service on loopback. */
export async function openBackend(answer: RequestListener): Promise<{ port: number; server: Server }> {
  const server = createServer(answer)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { port: (server.address() as AddressInfo).port, server }
}

/** The gateway as operators run it: a process, a file, signals; TLS with a certificate of its own for each reading. */
export class GatewayProcess {
  readonly port: number
  #ca = ''
  readonly #folder: string
  readonly #arguments: readonly string[]
  readonly #backend: number
  readonly #http2: boolean
  #child: ChildProcess | undefined
  #output = ''
  #readings = 0

  private constructor(port: number, backend: number, http2: boolean, args: readonly string[]) {
    this.port = port
    this.#folder = mkdtempSync(join(tmpdir(), 'gateway-process-'))
    this.#arguments = args
    this.#backend = backend
    this.#http2 = http2
  }

  static async start(given: {
    readonly backend: number
    readonly http2: boolean
    readonly workers: number
  }): Promise<GatewayProcess> {
    const gateway = new GatewayProcess(await freePort(), given.backend, given.http2, [`--workers=${given.workers}`])
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(join(gateway.#folder, 'gateway.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    await gateway.#write()
    const child = spawn(
      process.execPath,
      [MAIN, '--no-watch', ...gateway.#arguments, join(gateway.#folder, 'gateway.yaml')],
      {
        env: { ...process.env, NODE_OPTIONS: '' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    gateway.#child = child
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (gateway.#output += String(chunk)))
    await gateway.#says('gateway: answering')
    return gateway
  }

  get ca(): string {
    return this.#ca
  }

  /** The path that the service is asked for, by the latest reading. */
  get path(): string {
    return `/reading-${this.#readings}`
  }

  /** Another certificate, another path, SIGHUP; resolves when the gateway says that it is done. */
  async reload(): Promise<void> {
    const before = this.#count('gateway: reloaded')
    await this.#write()
    this.#child?.kill('SIGHUP')
    await this.#says('gateway: reloaded', before + 1)
  }

  /** SIGTERM; resolves with the exit code once the process has ended. */
  async end(): Promise<number | null> {
    const child = this.#child as ChildProcess
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    const [code] = (await closed) as [number | null]
    rmSync(this.#folder, { recursive: true, force: true })
    return code
  }

  kill(): void {
    this.#child?.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #write(): Promise<void> {
    this.#readings++
    const hosts = ['localhost', '127.0.0.1', `reading-${this.#readings}.test`]
    const { key, cert, ca } = await developmentCertificates(join(this.#folder, 'authority'), { hosts })
    this.#ca = ca
    this.#replace('server.key', key)
    this.#replace('server.pem', cert)
    this.#replace(
      'gateway.yaml',
      `
listen: { host: 127.0.0.1, port: ${this.port}, tls: { keyFile: server.key, certFile: server.pem }, http2: ${this.#http2} }
operation: { port: 0 }
drain: { delay: 1, deadline: 20 }
gateway:
  upstreams:
    service: { targets: ['http://127.0.0.1:${this.#backend}'], dangerouslyPlaintext: true }
  internalToken: { issuer: gateway, key: '\${file:gateway.key}' }
  dangerouslyWithoutAuth: true
  routes:
    - { match: { path: /a, method: [GET, POST] }, upstream: service, rewrite: ${this.path} }
`,
    )
  }

  #replace(name: string, text: string): void {
    const path = join(this.#folder, name)
    writeFileSync(`${path}.next`, text, { mode: 0o600 })
    renameSync(`${path}.next`, path)
  }

  #count(sentence: string): number {
    return this.#output.split(sentence).length - 1
  }

  async #says(sentence: string, times = 1): Promise<void> {
    const child = this.#child as ChildProcess
    for (let waited = 0; this.#count(sentence) < times; waited += 10) {
      if (child.exitCode !== null || waited > PATIENCE)
        throw new Error(`the gateway does not say "${sentence}": ${this.#output.slice(-2000)}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
}
