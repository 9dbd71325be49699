import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createApiKey } from '@portcullis/auth'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type EmbeddedDatabase, startEmbeddedDatabase } from '../src/database/embedded.ts'
import { startRedis } from './redis-server.ts'
import { type StandingDemo, standDemo } from './standing-demo.ts'

let database: EmbeddedDatabase
let demo: StandingDemo
let token: string
let cookie: string
let revived: ChildProcess | undefined
beforeAll(async () => {
  database = await startEmbeddedDatabase()
  demo = await standDemo({ databaseUrl: database.adminUrl })
  ;({ token, cookie } = await demo.signIn())
})
afterAll(async () => {
  await demo?.close()
  if (revived !== undefined) {
    const gone = once(revived, 'exit')
    revived.kill('SIGINT')
    await gone
  }
  await database?.stop()
})

const data = (): string => join(database.dataFolder, 'data')
const serverPid = (): number => Number(readFileSync(join(data(), 'postmaster.pid'), 'utf8').split('\n', 1)[0])

/** The server and the processes it has forked. */
function signalAll(signal: NodeJS.Signals): void {
  const server = serverPid()
  const forked = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === server)
    .map(([pid]) => pid as number)
  for (const pid of [server, ...forked]) process.kill(pid, signal)
}

/** The same server on the same port, as its own notes tell how. */
async function revive(): Promise<void> {
  const [program, ...args] = [
    ...readFileSync(join(data(), 'postmaster.opts'), 'utf8').matchAll(/"([^"]*)"|(\S+)/g),
  ].map(([, quoted, bare]) => quoted ?? (bare as string)) as [string, ...string[]]
  const { uid, gid } = statSync(data())
  revived = spawn(program, args, { uid, gid, cwd: data(), stdio: 'ignore', detached: true })
  await once(revived, 'spawn')
}

/** One request of each kind that needs the database. */
const askAll = () =>
  Promise.all([
    demo.call('GET', '/users/profile', { token }),
    demo.call('GET', '/accounts', { token }),
    demo.call('POST', '/transfer', { token, json: { amount: 1, toAccount: 1002 } }),
    demo.call('POST', '/posts', { token, json: { title: 'a', body: 'b' } }),
    demo.call('POST', '/refresh', { headers: { cookie: `${cookie.split('=')[0]}=${'A'.repeat(43)}` } }),
    demo.call('POST', '/register', {
      json: { username: 'late', email: 'late@example.com', password: 'a long enough secret' },
    }),
  ])

/** What stands for it: the services' statements fail, or the issuer's, until the gateway gives a service up for a while. */
const away = ({ code }: { code: string }): unknown[] => {
  if (code === 'PTC_GATEWAY_UPSTREAM_UNAVAILABLE') return [503, code, expect.stringMatching(/^\d+$/)]
  return code === 'PTC_ISSUER_UNAVAILABLE' ? [503, code, '5'] : [503, 'PTC_SQL_UNAVAILABLE', '1']
}

const works = () =>
  vi.waitFor(async () => expect((await demo.call('GET', '/accounts', { token })).status).toBe(200), {
    timeout: 15_000,
    interval: 200,
  })

describe('without its database, the demo', () => {
  it('answers 503 and nothing about the inside, and answers again once the server is back', async () => {
    const balance = async () => (await demo.call('GET', '/accounts', { token })).json[0].balance as number
    const before = await balance()
    const pid = serverPid()
    // Requests are under way while it ends.
    const during = askAll()
    process.kill(pid, 'SIGINT')
    for (const { status } of await during) expect([200, 201, 401, 503]).toContain(status)
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), { timeout: 10_000 })
    for (const { status, headers, json, text } of await askAll()) {
      expect([status, json.code, headers['retry-after']]).toEqual(away(json))
      expect(text).not.toMatch(/ECONN|127\.0\.0\.1|postgres|portcullis|terminat/i)
      expect(headers['x-content-type-options']).toBe('nosniff')
    }
    // Nobody knows whether a key is one.
    const { key } = createApiKey({ prefix: 'demo', subject: '101' })
    const byKey = await demo.call('GET', '/posts', { headers: { 'x-api-key': key } })
    expect([byKey.status, byKey.json.code]).toEqual([503, 'PTC_AUTH_UNAVAILABLE'])
    // What needs no database is not affected.
    expect((await demo.call('GET', '/openapi.json')).status).toBe(200)
    await revive()
    await works()
    // The transfer that was under way happened whole or not at all.
    expect([before, before - 1]).toContain(await balance())
  })

  it('answers 503 when the server is there and says nothing, and answers again once it speaks', async () => {
    signalAll('SIGSTOP')
    try {
      for (const { status, json } of await askAll()) expect([status, json.code]).toEqual(away(json).slice(0, 2))
    } finally {
      signalAll('SIGCONT')
    }
    await works()
  })

  it('survives the death of a connection in the middle of its work', async () => {
    const { default: pg } = await import('pg')
    const admin = new pg.Client({ connectionString: database.adminUrl })
    await admin.connect()
    const asked = Promise.all([askAll(), askAll()])
    await admin.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename like 'portcullis_%' and pid <> pg_backend_pid()`,
    )
    await admin.end()
    for (const { status } of (await asked).flat()) expect([200, 201, 401, 409, 503]).toContain(status)
    await works()
  })
})

describe('without Redis, the demo', () => {
  const redis = startRedis()

  it('counts in its own process while Redis says nothing, and in Redis again afterwards', async ({ skip }) => {
    const url = await redis.url(skip)
    const limited = await standDemo({ databaseUrl: database.adminUrl, redisUrl: url })
    const guess = () => limited.call('POST', '/login', { json: { username: 'alice', password: 'not the password' } })
    const pid = await redisPid(url)
    try {
      expect((await guess()).status).toBe(401)
      process.kill(pid, 'SIGSTOP')
      const statuses: number[] = []
      for (let i = 0; i < 7; i++) statuses.push((await guess()).status)
      process.kill(pid, 'SIGCONT')
      expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429])
    } finally {
      process.kill(pid, 'SIGCONT')
      await limited.close()
    }
  })

  it('lets users in and out while Redis says nothing, and tells the others afterwards', async ({ skip }) => {
    const redisUrl = await redis.url(skip)
    const databaseUrl = database.adminUrl
    const [one, other] = (await Promise.all([1, 2].map(() => standDemo({ databaseUrl, redisUrl })))) as [
      StandingDemo,
      StandingDemo,
    ]
    const pid = await redisPid(redisUrl)
    try {
      const { token: mine } = await one.signIn()
      const ask = async (at: StandingDemo) => (await at.call('GET', '/users/profile', { token: mine })).status
      process.kill(pid, 'SIGSTOP')
      expect([await ask(one), await ask(other)]).toEqual([200, 200])
      const out = await one.call('POST', '/logout/everywhere', { token: mine })
      expect(out.status).toBe(204)
      expect(await ask(one)).toBe(401)
      process.kill(pid, 'SIGCONT')
      await vi.waitFor(async () => expect(await ask(other)).toBe(401), { timeout: 15_000, interval: 100 })
    } finally {
      process.kill(pid, 'SIGCONT')
      await one.close()
      await other.close()
    }
  })
})

function redisPid(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write('INFO server\r\n'))
    let text = ''
    socket.on('error', reject).on('data', (part) => {
      text += String(part)
      const pid = /process_id:(\d+)/.exec(text)?.[1]
      if (pid === undefined) return
      socket.destroy()
      resolve(Number(pid))
    })
  })
}
