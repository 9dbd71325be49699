import { type ChildProcess, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { freePort } from '@portcullis/testing/free-port'
import { answerNames, type Authority, fetchText, makeAuthority } from '../acme-authority.ts'
import { openBackend } from '../gateway-process.ts'
import type { Figure, Size } from '../proof.ts'

const MAIN = join(import.meta.dirname, '../../apps/gateway/src/main.ts')
const HOST = 'api.portcullis.test'

/** Milliseconds in which a busy machine does whatever is asked. */
const PATIENCE = 60_000

/** The gateway from a file that names a real authority: issue, renewals, reloads, a worker's end, a start without it. */
export async function prove(size: Size): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const workers of size === 'full' ? [0, 2] : [0]) {
    const title = workers === 0 ? 'one process' : `${workers} workers`
    const hold = (name: string, value: unknown, bound: unknown): void => {
      figures.push({ name: `${title}: ${name}`, figure: String(value), bound: String(bound), ok: value === bound })
    }
    await life(workers, size === 'full' ? 3 : 1, hold)
  }
  return figures
}

async function life(
  workers: number,
  renewals: number,
  hold: (name: string, value: unknown, bound: unknown) => void,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-gateway-acme-'))
  const names = await answerNames()
  const authority = await makeAuthority(folder, names.port)
  const backend = await openBackend((request, response) => response.end(request.url))
  const gateway = await Gateway.write(folder, authority, backend.port, workers)
  try {
    await gateway.start()
    hold('before there is a certificate: ready', await gateway.ready(), 503)
    hold('before there is a certificate: a handshake', await gateway.ask('', '/a'), 'refused')
    hold('before there is a certificate: plaintext is redirected', await gateway.plain('/a'), 301)
    hold('a challenge that nobody asked for', await gateway.plain('/.well-known/acme-challenge/made-up'), 404)

    await authority.start(gateway.plaintextPort)
    await until(async () => (await gateway.ready()) === 200)
    const root = await authority.root()
    hold('issued: a client that trusts the authority', await gateway.ask(root, '/a'), 200)

    const prints = new Set([await gateway.fingerprint(root)])
    let [asked, failed, going] = [0, 0, true]
    const load = (async () => {
      while (going) {
        asked++
        if ((await gateway.ask(root, '/a')) !== 200) failed++
      }
    })()
    while (prints.size <= renewals) {
      await gateway.reload()
      prints.add(await gateway.fingerprint(root))
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    const seen = gateway.output.split('certificate replaced').length - 1
    going = false
    await load
    hold(`renewed and reloaded under load: of ${asked} requests failed`, failed, 0)
    hold('orders for as many certificates', seen - prints.size <= 1, true)
    hold('accounts', readdirSync(join(folder, 'acme')).filter((name) => name.startsWith('account-')).length, 1)

    if (workers > 0) {
      gateway.killWorker()
      await until(async () => gateway.output.includes('a worker has followed'))
      await until(async () => (await gateway.ready()) === 200)
      hold('a worker that follows: requests answered of 20', await gateway.answered(root, 20), 20)
    }
    if (workers === 0) {
      // One that outlives the end and the start of a busy machine.
      await authority.stop()
      await authority.start(gateway.plaintextPort, 600)
      const before = gateway.output.split('certificate replaced').length
      await until(async () => gateway.output.split('certificate replaced').length > before)
    }
    hold('ends with', await gateway.end(), 0)
    await authority.stop()
    if (workers > 0) return
    await gateway.start()
    hold('started again without the authority: ready', await gateway.ready(), 200)
    hold('ends with, again', await gateway.end(), 0)
  } finally {
    gateway.kill()
    await authority.stop()
    names.close()
    backend.server.closeAllConnections()
    backend.server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!(await holds())) {
    if (performance.now() > end) throw new Error('it does not come about')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

class Gateway {
  readonly port: number
  readonly plaintextPort: number
  readonly operation: number
  readonly #file: string
  readonly #workers: number
  #child: ChildProcess | undefined
  output = ''

  private constructor(ports: readonly [number, number, number], file: string, workers: number) {
    ;[this.port, this.plaintextPort, this.operation] = ports
    this.#file = file
    this.#workers = workers
  }

  static async write(folder: string, { directory, ca }: Authority, service: number, workers: number): Promise<Gateway> {
    const ports = [await freePort(), await freePort(), await freePort()] as const
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(join(folder, 'gateway.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    writeFileSync(join(folder, 'authority.pem'), ca)
    const file = join(folder, 'gateway.yaml')
    writeFileSync(
      file,
      `
listen:
  host: 127.0.0.1
  port: ${ports[0]}
  plaintextPort: ${ports[1]}
  tls:
    acme: { agreeToTerms: true, folder: acme, directory: '${directory}', ca: '\${file:authority.pem}', retryAfter: 1 }
operation: { port: ${ports[2]} }
drain: { delay: 0, deadline: 10 }
https: { hosts: [${HOST}] }
gateway:
  upstreams: { service: { targets: ['http://127.0.0.1:${service}'], dangerouslyPlaintext: true } }
  internalToken: { issuer: gateway, key: '\${file:gateway.key}' }
  dangerouslyWithoutAuth: true
  routes: [{ match: { path: /a }, upstream: service }]
`,
    )
    return new Gateway(ports, file, workers)
  }

  async start(): Promise<void> {
    this.output = ''
    const child = spawn(process.execPath, [MAIN, '--no-watch', `--workers=${this.#workers}`, this.#file], {
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (this.output += String(chunk)))
    await until(async () => {
      if (child.exitCode !== null) throw new Error(this.output)
      return this.output.includes('gateway: answering')
    })
  }

  async reload(): Promise<void> {
    const before = this.output.split('gateway: reloaded').length
    this.#child?.kill('SIGHUP')
    await until(async () => this.output.split('gateway: reloaded').length > before)
  }

  async ready(): Promise<number> {
    return (await fetch(`http://127.0.0.1:${this.operation}/ready`)).status
  }

  async plain(path: string): Promise<number> {
    const url = `http://127.0.0.1:${this.plaintextPort}${path}`
    return (await fetch(url, { redirect: 'manual', headers: { host: HOST } })).status
  }

  ask(ca: string, path: string): Promise<number | 'refused'> {
    const headers = { host: HOST }
    return fetchText({ port: this.port, path, servername: HOST, headers, ca }).then(
      ({ status }) => status,
      () => 'refused' as const,
    )
  }

  async answered(ca: string, times: number): Promise<number> {
    const all = await Promise.all(Array.from({ length: times }, () => this.ask(ca, '/a')))
    return all.filter((one) => one === 200).length
  }

  fingerprint(ca: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket: TLSSocket = connect({ host: '127.0.0.1', port: this.port, servername: HOST, ca }, () => {
        resolve(socket.getPeerCertificate().fingerprint256)
        socket.destroy()
      }).once('error', reject)
    })
  }

  /** The one that has written last. */
  killWorker(): void {
    const pids = [...this.output.matchAll(/"pid":(\d+)/g)].map(([, pid]) => Number(pid))
    const worker = pids.findLast((pid) => pid !== this.#child?.pid)
    if (worker !== undefined) process.kill(worker, 'SIGKILL')
  }

  async end(): Promise<number | null> {
    const child = this.#child as ChildProcess
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    return (await closed)[0] as number | null
  }

  kill(): void {
    this.#child?.kill('SIGKILL')
  }
}
