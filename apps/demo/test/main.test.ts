import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { choosePorts } from '../src/addresses.ts'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-main-'))
  // As root, PostgreSQL runs under an account of its own: it has to get in.
  await chmod(folder, 0o755)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

interface Run {
  readonly child: ChildProcess
  readonly output: () => string
  readonly errors: () => string
  /** Status and signal. */
  readonly ended: Promise<[number | null, NodeJS.Signals | null]>
}

async function run(env: Record<string, string> = {}): Promise<Run> {
  const ports = await choosePorts({ gateway: 0, plaintext: 0, app: 0, operation: 0 })
  const child = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      TMPDIR: folder,
      GATEWAY_PORT: String(ports.gateway),
      PLAINTEXT_PORT: String(ports.plaintext),
      APP_PORT: String(ports.app),
      OPERATION_PORT: String(ports.operation),
      CERTIFICATE_FOLDER: join(folder, 'certificates'),
      ...env,
    },
  })
  let output = ''
  let errors = ''
  child.stdout?.on('data', (part) => (output += String(part)))
  child.stderr?.on('data', (part) => (errors += String(part)))
  const ended = once(child, 'exit') as Run['ended']
  return { child, output: () => output, errors: () => errors, ended }
}

async function standing(it: Run): Promise<void> {
  while (!it.output().includes('Ctrl-C stops everything')) {
    const state = await Promise.race([
      once(it.child.stdout as NodeJS.ReadableStream, 'data'),
      it.ended.then(() => 'ended' as const),
    ])
    if (state === 'ended') throw new Error(`it ended: ${it.errors()}`)
  }
}

/** Processes whose parent is this one, or whose command names the folder. */
function relatives(pid: number): string[] {
  if (!existsSync('/proc/self/status')) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const parent = /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return Number(parent) === pid || command.includes(folder) ? [`${name} ${command}`] : []
      } catch {
        return []
      }
    })
}

const left = (): string[] => readdirSync(folder).filter((name) => name.startsWith('portcullis-demo-'))

describe('the demo, as a process', () => {
  it('ends with status 0 at SIGINT and leaves no process and no data behind', async () => {
    const demo = await run()
    await standing(demo)
    const { pid } = demo.child
    if (existsSync('/proc/self/status')) expect(relatives(pid as number).join('\n')).toContain('postgres')
    expect(left()).toHaveLength(1)
    demo.child.kill('SIGINT')
    expect(await demo.ended).toEqual([0, null])
    expect(demo.errors()).toBe('')
    expect(relatives(pid as number)).toEqual([])
    expect(left()).toEqual([])
  })

  it('ends at SIGTERM although clients have connected and say nothing, or half a request', async () => {
    const demo = await run()
    await standing(demo)
    const port = Number(/gateway +https:\/\/localhost:(\d+)/.exec(demo.output())?.[1])
    const silent = [
      '',
      'GET / HTTP/1.1\r\n',
      'POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{',
    ].map(async (start) => {
      // Whether the certificate is good is not the question here.
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false })
      socket.on('error', () => {})
      await once(socket, 'secureConnect')
      if (start !== '') socket.write(start)
      return socket
    })
    await Promise.all(silent)
    demo.child.kill('SIGTERM')
    expect(await demo.ended).toEqual([0, null])
    expect(left()).toEqual([])
    for (const socket of await Promise.all(silent)) socket.destroy()
  })

  it('ends just as well when it is told to while it starts', async () => {
    const demo = await run()
    while (left().length === 0) await new Promise((resolve) => setImmediate(resolve))
    demo.child.kill('SIGINT')
    expect(await demo.ended).toEqual([0, null])
    expect(left()).toEqual([])
    expect(demo.output()).not.toContain('Ctrl-C')
  })

  it.each(['GATEWAY_PORT', 'PLAINTEXT_PORT'])(
    'says which port is taken, with status 1, and leaves nothing behind: %s',
    async (name) => {
      const taken = createServer().listen(0, '127.0.0.1')
      await once(taken, 'listening')
      const { port } = taken.address() as { port: number }
      const demo = await run({ [name]: String(port) })
      expect(await demo.ended).toEqual([1, null])
      expect(demo.errors()).toBe(
        `The demo did not start: port ${port} is taken. Stop what listens there, or choose others: GATEWAY_PORT, PLAINTEXT_PORT, APP_PORT, OPERATION_PORT.\n`,
      )
      expect(left()).toEqual([])
      taken.close()
    },
  )

  it('takes an empty variable for none: it asks no database and no Redis that happen to be here', async () => {
    const demo = await run({ DATABASE_URL: '', REDIS_URL: '', LOG_LEVEL: '' })
    await standing(demo)
    expect(demo.output()).toMatch(/database +PostgreSQL of its own.*\n +limits +in memory/)
    demo.child.kill('SIGINT')
    expect(await demo.ended).toEqual([0, null])
  })

  it('says which variable holds no port', async () => {
    const demo = await run({ APP_PORT: '65536' })
    expect(await demo.ended).toEqual([1, null])
    expect(demo.errors()).toBe('The demo did not start: APP_PORT is not a port: 0 to 65535.\n')
  })

  it('leaves nothing behind even when it is killed, and starts again on the same ports', async () => {
    const ports = await choosePorts({ gateway: 0, plaintext: 0, app: 0, operation: 0 })
    const env = {
      GATEWAY_PORT: String(ports.gateway),
      PLAINTEXT_PORT: String(ports.plaintext),
      APP_PORT: String(ports.app),
      OPERATION_PORT: String(ports.operation),
    }
    const first = await run(env)
    await standing(first)
    first.child.kill('SIGKILL')
    expect(await first.ended).toEqual([null, 'SIGKILL'])
    await vi.waitFor(() => expect([relatives(first.child.pid as number), left()]).toEqual([[], []]), {
      timeout: 10_000,
      interval: 20,
    })
    const second = await run(env)
    await standing(second)
    second.child.kill('SIGINT')
    expect(await second.ended).toEqual([0, null])
  })

  it('takes its database along when an error ends the process', async () => {
    const program = `
      import { startEmbeddedDatabase } from ${JSON.stringify(new URL('../src/database/embedded.ts', import.meta.url).href)}
      await startEmbeddedDatabase()
      console.log('up')
      process.stdin.once('data', () => { throw new Error('a crash') })
    `
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, TMPDIR: folder },
    })
    await once(child.stdout, 'data')
    expect(left()).toHaveLength(1)
    child.stdin.write('now')
    expect((await once(child, 'exit'))[0]).toBe(1)
    // The server is told to end at once; it takes a moment.
    await vi.waitFor(() => expect([relatives(child.pid as number), left()]).toEqual([[], []]), { timeout: 10_000 })
  })

  it('prints lines that work when pasted', async ({ skip }) => {
    const run_ = promisify(execFile)
    await run_('curl', ['--version']).catch(() => {
      if (process.env['CI'] !== undefined) throw new Error('curl is not installed')
      skip('curl is not installed')
    })
    const demo = await run()
    await standing(demo)
    const printed = demo.output()
    const lines = printed
      .slice(printed.indexOf('Try, in this order'))
      .split('\n')
      .slice(1, 8)
      .map((line) => line.trim())
    expect(lines.map((line) => /curl/.test(line))).toEqual(Array(7).fill(true))
    const { stdout } = await run_('sh', ['-c', lines.join('\necho\n')])
    const [, profile, transfer, , users, , refused] = stdout.split('\n')
    expect(JSON.parse(profile as string)).toEqual({ id: 101, username: 'masum', email: 'masum@example.com' })
    expect(JSON.parse(transfer as string)).toMatchObject({ fromAccount: 1001, toAccount: 1002, amount: 125 })
    expect(JSON.parse(users as string)).toEqual([{ id: 102, username: 'alice', email: 'alice@example.com' }])
    expect(JSON.parse(refused as string).status).toBe(401)
    demo.child.kill('SIGINT')
    expect(await demo.ended).toEqual([0, null])
  })
})
