import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import https, { certificateStatus, plaintextAddress, tlsServerOptions } from '@portcullis/https'
import { onSecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance } from 'fastify'
import { answerNames, type Authority, fetchText, makeAuthority } from '../acme-authority.ts'
import type { Figure, Size } from '../proof.ts'

const HOST = 'api.portcullis.test'

/** The whole life of a certificate against a real authority: outage, issue, swap, renewals, outage, recovery, restart. */
export async function prove(size: Size): Promise<Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-acme-'))
  const names = await answerNames()
  const authority = await makeAuthority(folder, names.port)
  const state = join(folder, 'state')
  const open = () => openApp(authority, state)
  const figures: Figure[] = []
  const hold = (name: string, value: unknown, bound: unknown): void => {
    figures.push({ name: `acme: ${name}`, figure: String(value), bound: String(bound), ok: value === bound })
  }
  let { app, next, port } = await open()
  try {
    hold('the authority is down: told', await next('https.certificate-failed'), true)
    hold('the authority is down: a handshake', await ask(port, authority.ca), 'refused')

    await authority.start(plaintextAddress(app)?.port ?? 0)
    hold('the authority is back: issued after backing off', await next('https.certificate-replaced'), true)
    let root = await authority.root()
    hold('issued: a client that trusts the authority', await ask(port, root), 200)
    const account = accountOf(state)

    const load = keepAsking(port, root)
    const renewals = size === 'full' ? 5 : 1
    const fingerprints = new Set([certificateStatus(app)[0]?.fingerprint])
    for (let turn = 0; turn < renewals; turn++) {
      await next('https.certificate-replaced')
      fingerprints.add(certificateStatus(app)[0]?.fingerprint)
    }
    const { asked, failed } = await load()
    hold('certificates after renewals', fingerprints.size, renewals + 1)
    hold(`renewed while serving: of ${asked} requests failed`, failed, 0)

    await authority.stop()
    hold('the authority is gone when renewal is due: told', await next('https.certificate-failed'), true)
    hold('the old certificate goes on', await ask(port, root), 200)
    // Everything the authority knew is lost: the account too.
    await authority.start(plaintextAddress(app)?.port ?? 0)
    hold('another authority took its place: issued', await next('https.certificate-replaced'), true)
    root = await authority.root()
    hold('issued again: a client that trusts it', await ask(port, root), 200)
    hold('the account key is the same', accountOf(state) === account, true)
    const modes = readdirSync(state).filter((name) => name.endsWith('.pem'))
    hold(
      'files that others can read',
      modes.filter((name) => (statSync(join(state, name)).mode & 0o077) !== 0).length,
      0,
    )

    await app.close()
    await authority.stop()
    ;({ app, next, port } = await open())
    hold('started again without the authority: served from disk', await ask(port, root), 200)
    await app.close()
    await byName(authority, join(folder, 'names'), hold)
  } finally {
    await app.close()
    await authority.stop()
    names.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return figures
}

/** A certificate for each name, while plaintext is refused, below a scope, and beside a route that answers every path. */
async function byName(
  authority: Authority,
  folder: string,
  hold: (name: string, value: unknown, bound: unknown) => void,
): Promise<void> {
  const { directory, ca } = authority
  const acme = { agreeToTerms: true as const, folder, directory, ca, retryAfter: 1 }
  const hosts = ['eu.portcullis.test', 'us.portcullis.test'] as const
  const tls = tlsServerOptions({ names: Object.fromEntries(hosts.map((host) => [host, { acme }])) })
  const app = Fastify({ https: tls }) as unknown as FastifyInstance
  await app.register(async (scope) => {
    await scope.register(https, { hosts: [...hosts], plaintext: { port: 0, mode: 'refuse' } })
    scope.get('/', async () => ({ ok: true }))
  })
  app.get('/*', async () => ({ served: true }))
  const served = new Set<unknown>()
  const all = new Promise<void>((resolve) => {
    onSecurityEvent(app, ({ type, detail }) => {
      if (type !== 'https.certificate-replaced') return
      served.add(detail?.['servedFor'])
      if (served.size === hosts.length) resolve()
    })
  })
  try {
    await app.listen({ port: 0, host: '127.0.0.1' })
    const plain = plaintextAddress(app)?.port ?? 0
    await authority.start(plain)
    await all
    const root = await authority.root()
    const { port } = app.server.address() as AddressInfo
    for (const host of hosts) hold(`by name, plaintext refused: ${host}`, await ask(port, root, host), 200)
    hold('by name: accounts', readdirSync(folder).filter((name) => name.startsWith('account-')).length, 1)
    const refused = await fetch(`http://127.0.0.1:${plain}/`)
    hold('by name: plaintext that is no challenge', refused.status, 403)
  } finally {
    await app.close()
  }
}

async function openApp(authority: Authority, folder: string) {
  const { directory, ca } = authority
  const app = Fastify({
    https: tlsServerOptions({
      acme: { agreeToTerms: true, folder, directory, ca, email: 'ops@example.com', retryAfter: 1 },
    }),
  }) as unknown as FastifyInstance
  await app.register(https, { hosts: [HOST], plaintext: { port: 0 } })
  app.get('/', async () => ({ ok: true }))
  const waiting = new Map<string, () => void>()
  onSecurityEvent(app, ({ type }) => waiting.get(type)?.())
  const next = (type: string): Promise<boolean> => new Promise((resolve) => waiting.set(type, () => resolve(true)))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, next, port: (app.server.address() as AddressInfo).port }
}

/** One request to the app, verified against an authority. */
function ask(port: number, ca: string, servername: string = HOST): Promise<number | 'refused'> {
  return fetchText({ port, servername, ca }).then(
    ({ status }) => status,
    () => 'refused' as const,
  )
}

/** Asks without a pause until the returned function is called. */
function keepAsking(port: number, ca: string): () => Promise<{ asked: number; failed: number }> {
  const counts = { asked: 0, failed: 0 }
  let going = true
  const over = (async () => {
    while (going) {
      counts.asked++
      if ((await ask(port, ca)) !== 200) counts.failed++
    }
  })()
  return async () => {
    going = false
    await over
    return counts
  }
}

function accountOf(state: string): string {
  const file = readdirSync(state).find((name) => name.startsWith('account-'))
  return file === undefined ? '' : readFileSync(join(state, file), 'utf8')
}
