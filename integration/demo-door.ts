import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type StandingDemo, standDemo } from '../apps/demo/test/standing-demo.ts'
import { liftedLimits } from '../apps/demo/src/limits.ts'
import { seededUsers } from '../apps/demo/src/database/seed.ts'

/** A door to the demo for tools that know no tokens: over HTTP on loopback, to the demo over TLS. */
export interface DemoDoor {
  readonly demo: StandingDemo
  /** What comes here is nobody's. */
  readonly anonymous: string
  /** What comes here is a user's who has just given the password. */
  readonly user: string
  /** Answers of the demo so far, by status. */
  readonly statuses: ReadonlyMap<number, number>
  /** Requests that no HTTP client could have sent. */
  readonly unsent: () => number
  /** An access token of the user's. */
  readonly token: () => Promise<string>
  close(): Promise<void>
}

/** Seconds after which the user signs in again: access tokens and step-up last for 300. */
const FRESH = 200_000
/** All that is passed on; the rest is the tool's own. */
const FIELDS = ['accept', 'authorization', 'content-type', 'cookie', 'user-agent', 'x-api-key'] as const

/** Starts a demo whose limits are lifted by its configuration, and the door. `log` takes the lines of the demo's log. */
export async function openDemoDoor(log?: (line: string) => void): Promise<DemoDoor> {
  const demo = await standDemo({
    limits: liftedLimits,
    ...(log === undefined ? {} : { logLevel: 'warn', logStream: { write: log } }),
  })
  const statuses = new Map<number, number>()
  let unsent = 0
  let signedIn = { token: '', at: -Infinity }
  let signing: Promise<unknown> | null = null
  const freshToken = async (): Promise<string> => {
    if (performance.now() - signedIn.at > FRESH) {
      signing ??= demo.signIn(seededUsers[0]).then(({ token }) => {
        signedIn = { token, at: performance.now() }
        signing = null
      })
      await signing
    }
    return signedIn.token
  }

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, who, path] = /^\/(anonymous|user)(\/.*)$/s.exec(request.url ?? '') ?? []
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const sent: Record<string, string> = { origin: demo.addresses.app }
    for (const name of FIELDS) if (typeof request.headers[name] === 'string') sent[name] = request.headers[name]
    // Tools label bodies that they do not send.
    if (chunks.length === 0) delete sent['content-type']
    if (who === 'user') sent['authorization'] ??= `Bearer ${await freshToken()}`
    try {
      const { status, headers, text } = await demo.call(request.method ?? 'GET', path ?? '/', {
        headers: sent,
        ...(chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }),
      })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      response.writeHead(status, { 'content-type': String(headers['content-type'] ?? 'text/plain') }).end(text)
    } catch {
      unsent += 1
      response.writeHead(400).end()
    }
  }

  const server = createServer((request, response) => void pass(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    demo,
    anonymous: `${base}/anonymous`,
    user: `${base}/user`,
    statuses,
    unsent: () => unsent,
    token: freshToken,
    async close() {
      server.closeAllConnections()
      server.close()
      await demo.close()
    },
  }
}
