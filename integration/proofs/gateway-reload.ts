import http2, { type ClientHttp2Session } from 'node:http2'
import { Agent, request } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'
import { GatewayProcess, openBackend } from '../gateway-process.ts'
import { h2load, h2loadIsHere } from '../h2load.ts'
import type { Figure, Size } from '../proof.ts'

/** What became of the requests of all clients. */
interface Counts {
  answered: number
  /** Told, before anything was done, that this is not the place: by a refused connection or stream. */
  turnedAway: number
  failed: number
  readonly reasons: Map<string, number>
}

/**
 * The gateway's process reads its file again, with another certificate and another path each time, and ends, each under
 * load: whatever a client was not told to take elsewhere is answered.
 */
export async function prove(size: Size): Promise<Figure[]> {
  const figures: Figure[] = []
  const plans =
    size === 'full'
      ? { reloads: 100, ends: 5, workers: [0, 2], requests: 10_000 }
      : { reloads: 5, ends: 1, workers: [0], requests: 200 }
  const hasH2load = h2loadIsHere()
  for (const workers of plans.workers) {
    for (const overHttp2 of [false, true]) {
      const title = `HTTP/${overHttp2 ? '2' : '1.1'}, ${workers === 0 ? 'one process' : `${workers} workers`}`
      figures.push(...(await reloads(title, overHttp2, workers, plans.reloads)))
      if (hasH2load) figures.push(await reloadsUnderH2load(title, overHttp2, workers, plans.requests))
      const counts = blank()
      const codes: (number | null)[] = []
      for (let turn = 0; turn < plans.ends; turn++) codes.push(await end(overHttp2, workers, counts))
      figures.push(
        figure(`${title}, SIGTERM: processes that ended with 0`, codes.filter((code) => code === 0).length, plans.ends),
        outcome(`${title}, SIGTERM`, counts),
      )
    }
  }
  return figures
}

async function reloads(title: string, overHttp2: boolean, workers: number, times: number): Promise<Figure[]> {
  const { gateway, stop } = await stage(overHttp2, workers)
  const counts = blank()
  let going = true
  const clients = load(gateway, overHttp2, counts, () => going)
  const certificates = new Set([await fingerprint(gateway)])
  let followed = 0
  for (let turn = 0; turn < times; turn++) {
    await gateway.reload()
    certificates.add(await fingerprint(gateway))
    if ((await askOnce(gateway)) === gateway.path) followed++
  }
  going = false
  await Promise.all(clients)
  await gateway.end()
  stop()
  return [
    outcome(`${title}, ${times} reloads`, counts),
    figure(`${title}: certificates that were served`, certificates.size, times + 1),
    figure(`${title}: readings that were followed at once`, followed, times),
  ]
}

/** The same under nghttp2's client, which says what was not answered. */
async function reloadsUnderH2load(
  title: string,
  overHttp2: boolean,
  workers: number,
  requests: number,
): Promise<Figure> {
  const { gateway, stop } = await stage(overHttp2, workers)
  let going = true
  const load = h2load(`https://127.0.0.1:${gateway.port}/a`, { requests, overHttp2 }).finally(() => (going = false))
  let times = 0
  for (; going; times++) await gateway.reload()
  const { succeeded, failed } = await load
  await gateway.end()
  stop()
  return {
    name: `${title}, ${times} reloads: requests of h2load, of ${requests}, that failed`,
    figure: String(failed),
    bound: '0',
    ok: failed === 0 && succeeded === requests && times > 0,
  }
}

async function end(overHttp2: boolean, workers: number, counts: Counts): Promise<number | null> {
  const { gateway, stop } = await stage(overHttp2, workers)
  const before = counts.answered
  const clients = load(gateway, overHttp2, counts, () => true)
  while (counts.answered < before + 100) await pause(10)
  const code = await gateway.end()
  await Promise.all(clients)
  stop()
  return code
}

async function stage(overHttp2: boolean, workers: number): Promise<{ gateway: GatewayProcess; stop: () => void }> {
  let turn = 0
  const { port, server } = await openBackend((incoming, response) => {
    incoming.resume().on('end', () => {
      // Some are under way whenever something happens.
      setTimeout(() => response.end(incoming.url), turn++ % 20)
    })
  })
  const stop = (): void => {
    server.closeAllConnections()
    server.close()
  }
  try {
    return { gateway: await GatewayProcess.start({ backend: port, http2: overHttp2, workers }), stop }
  } catch (error) {
    stop()
    throw error
  }
}

const blank = (): Counts => ({ answered: 0, turnedAway: 0, failed: 0, reasons: new Map() })

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds))

function figure(name: string, value: number, bound: number): Figure {
  return { name, figure: String(value), bound: String(bound), ok: value === bound }
}

function outcome(title: string, { answered, turnedAway, failed, reasons }: Counts): Figure {
  const why = [...reasons].map(([reason, count]) => `${count} ${reason}`).join(', ')
  return {
    name: `${title}: of ${answered + failed} requests (${turnedAway} told to go elsewhere) failed`,
    figure: why === '' ? String(failed) : `${failed} (${why})`,
    bound: '0',
    ok: failed === 0 && answered > 0,
  }
}

/** Clients, each with one request after the other; every other one on a new connection for each. */
function load(gateway: GatewayProcess, overHttp2: boolean, counts: Counts, going: () => boolean): Promise<void>[] {
  const client = overHttp2 ? loadOverHttp2 : loadOverHttp1
  return Array.from({ length: 8 }, (_, index) => client(gateway, counts, going, index % 2 === 0))
}

type Load = (gateway: GatewayProcess, counts: Counts, going: () => boolean, keepAlive: boolean) => Promise<void>

/** `answered`, `turned-away`, `gone` (nobody is there any more), or what failed. */
type Outcome = string

function count(counts: Counts, said: Outcome): void {
  if (said === 'answered') counts.answered++
  else if (said === 'turned-away' || said === 'gone') counts.turnedAway++
  else {
    counts.failed++
    counts.reasons.set(said, (counts.reasons.get(said) ?? 0) + 1)
  }
}

const loadOverHttp1: Load = async ({ port, ca }, counts, going, keepAlive) => {
  const agent = new Agent({ keepAlive, ca, maxSockets: 1 })
  for (let turn = 0; going(); turn++) {
    const said = await new Promise<Outcome>((resolve) => {
      const method = turn % 2 === 0 ? 'GET' : 'POST'
      let secure = false
      const sent = request(
        { host: '127.0.0.1', servername: 'localhost', port, path: '/a', method, agent },
        (response) => {
          const { statusCode } = response
          response.resume().once('end', () => resolve(statusCode === 200 ? 'answered' : `status ${statusCode}`))
          response.once('error', ({ message }) => resolve(`answer: ${message}`))
        },
      )
      sent.once('socket', (socket) => {
        secure = sent.reusedSocket
        if (!secure) socket.once('secureConnect', () => (secure = true))
      })
      // Without a handshake nothing was asked yet.
      sent.once('error', (error: NodeJS.ErrnoException) => resolve(secure ? `request: ${error.code}` : 'gone'))
      sent.end(method === 'POST' ? 'x'.repeat(1000) : undefined)
    })
    count(counts, said)
    if (said === 'gone') break
  }
  agent.destroy()
}

const loadOverHttp2: Load = async (gateway, counts, going, keepAlive) => {
  let session: ClientHttp2Session | null = null
  for (let turn = 0; going(); turn++) {
    session ??= await openSession(gateway)
    if (session === null) {
      count(counts, 'gone')
      return
    }
    const said = await askOver(session, turn % 2 === 0 ? 'GET' : 'POST')
    count(counts, said)
    if (keepAlive && said === 'answered' && !session.closed && !session.destroyed) continue
    session.close()
    session = null
  }
  session?.close()
}

/** Null: nobody answers there any more. */
function openSession({ port, ca }: GatewayProcess): Promise<ClientHttp2Session | null> {
  return new Promise((resolve) => {
    const session = http2.connect(`https://localhost:${port}`, { ca, lookup: loopback })
    session.on('error', () => resolve(null))
    session.once('close', () => resolve(null))
    session.once('connect', () => resolve(session))
  })
}

function askOver(session: ClientHttp2Session, method: string): Promise<Outcome> {
  return new Promise((resolve) => {
    try {
      const stream = session.request({ ':path': '/a', ':method': method })
      let status: number | undefined
      let ended = false
      stream.once('response', (fields) => (status = fields[':status']))
      stream.resume().once('end', () => (ended = true))
      stream.on('error', () => {})
      stream.once('close', () => {
        if (stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM) resolve('turned-away')
        else if (ended && status === 200) resolve('answered')
        else resolve(status === undefined ? `stream: ${stream.rstCode}` : `status ${status}`)
      })
      stream.end(method === 'POST' ? 'x'.repeat(1000) : undefined)
    } catch {
      // Thrown where the session was told to go (ERR_HTTP2_GOAWAY_SESSION): nothing was sent.
      resolve('turned-away')
    }
  })
}

/** The server listens on one address of localhost only. */
const loopback = ((_name: string, options: { all?: boolean }, done: (...given: unknown[]) => void) =>
  options.all === true ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4)) as never

/** What the service was asked for, on a new connection. */
function askOnce({ port, ca }: GatewayProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', servername: 'localhost', port, ca, path: '/a', agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk) => (text += String(chunk))).once('end', () => resolve(text))
    })
      .once('error', reject)
      .end()
  })
}

/** Of the certificate that a new connection is shown. */
function fingerprint({ port, ca }: GatewayProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' }, () => {
      resolve(socket.getPeerCertificate().fingerprint256)
      socket.destroy()
    })
    socket.once('error', reject)
  })
}
