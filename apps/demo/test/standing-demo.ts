import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { LookupFunction } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { Agent } from 'undici'
import { seededUsers } from '../src/database/seed.ts'
import { type Demo, startDemo, type StartOptions } from '../src/start.ts'

/** An answer, read to its end. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  // Tests look into answers freely.
  readonly json: any
}

/** How to ask. */
export interface Ask {
  readonly token?: string
  readonly json?: unknown
  readonly body?: string | Buffer
  /** `origin` is the page's where there is a cookie; empty: none. */
  readonly headers?: Record<string, string>
  /** Where to ask; absent: the gateway. */
  readonly at?: string
  /** The address to ask from, such as `127.0.0.2`: whoever has many has many limits. */
  readonly from?: string
}

/** A demo on ephemeral ports, with a client that trusts its CA and nobody else. */
export interface StandingDemo extends Demo {
  readonly ca: string
  call(method: string, path: string, ask?: Ask): Promise<Answer>
  /** Runs a statement as whoever made the tables: what only time, or an attacker, would do to them. */
  sql(statement: string, values?: unknown[]): Promise<any[]>
  signIn(user?: { username: string; password: string }, ask?: Ask): Promise<{ token: string; cookie: string }>
}

/** The demo's addresses are known before it listens: somebody may have taken a port meanwhile, and then others are chosen. */
async function startOnFreePorts(options: Omit<StartOptions, 'ports'> & Partial<StartOptions>): Promise<Demo> {
  const ports = { gateway: 0, plaintext: 0, app: 0, operation: 0 }
  for (let left = 5; ; left--) {
    try {
      return await startDemo({ ports, ...options })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || left === 0) throw error
    }
  }
}

/** Starts it. */
export async function standDemo(options: Partial<StartOptions> = {}): Promise<StandingDemo> {
  const certificateFolder = await mkdtemp(join(tmpdir(), 'portcullis-ca-'))
  const demo = await startOnFreePorts({ certificateFolder, logLevel: 'silent', ...options }).catch(
    async (error: unknown) => {
      await rm(certificateFolder, { recursive: true, force: true })
      throw error
    },
  )
  const ca = await readFile(demo.caFile, 'utf8')
  // Resolvers do not know the demo's names; the certificate is checked for the name all the same.
  const lookup = ((_name, { all }, done) => {
    if (all === true) done(null, [{ address: '127.0.0.1', family: 4 }])
    else done(null, '127.0.0.1', 4)
  }) as LookupFunction
  const dispatchers = new Map<string | undefined, Agent>()
  const dispatcherFrom = (localAddress: string | undefined): Agent => {
    const known = dispatchers.get(localAddress)
    if (known !== undefined) return known
    const made = new Agent({
      connect: { ca, lookup, timeout: 60_000 },
      pipelining: 1,
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    dispatchers.set(localAddress, made)
    return made
  }

  const call: StandingDemo['call'] = async (method, path, ask = {}) => {
    const { token, json, body, headers, at = demo.addresses.gateway, from } = ask
    // Not `request(at + path)`: reading the URL would tidy the path up.
    const answer = await dispatcherFrom(from).request({
      origin: at,
      path,
      method: method as 'GET',
      headers: sent({
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        // Cookies are a browser's, which says whose page asks; here it is ours.
        ...(headers?.['cookie'] === undefined ? {} : { origin: demo.addresses.app }),
        ...headers,
      }),
      body: json === undefined ? (body ?? null) : JSON.stringify(json),
    })
    const text = await answer.body.text()
    let parsed: unknown
    try {
      parsed = JSON.parse(text)
    } catch {
      parsed = undefined
    }
    return { status: answer.statusCode, headers: answer.headers, text, json: parsed }
  }

  return {
    ...demo,
    ca,
    call,
    async sql(statement, values = []) {
      const client = new pg.Client({ connectionString: demo.databaseUrls.admin })
      await client.connect()
      try {
        return (await client.query(statement, values)).rows
      } finally {
        await client.end()
      }
    },
    async signIn({ username, password } = seededUsers[0], ask = {}) {
      const answer = await call('POST', '/login', { ...ask, json: { username, password } })
      if (answer.status !== 200) throw new Error(`login: ${answer.status} ${answer.text}`)
      return { token: answer.json.access_token as string, cookie: cookieOf(answer) }
    },
    async close() {
      await Promise.all([...dispatchers.values()].map((dispatcher) => dispatcher.close()))
      await demo.close()
      await rm(certificateFolder, { recursive: true, force: true })
    },
  }
}

/** An empty origin is none. */
function sent({ origin, ...headers }: Record<string, string>): Record<string, string> {
  return origin === undefined || origin === '' ? headers : { ...headers, origin }
}

/** `name=value` of the cookie an answer sets. */
export function cookieOf(answer: Answer): string {
  return String(answer.headers['set-cookie']).split(';')[0] as string
}
