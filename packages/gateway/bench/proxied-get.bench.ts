import { type ChildProcess, fork } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'

// CPU of one proxied GET: each subject in a process of its own, in front of the same backend process, taking turns.
// node packages/gateway/bench/proxied-get.bench.ts [rounds] [seconds a round]

const BODY = JSON.stringify({ id: 101, username: 'masum', email: 'masum@example.com', about: 'x'.repeat(130) })
const CONNECTIONS = 40

type Starter = (backend: number) => Promise<number>
const port = (address: AddressInfo | string | null): number => (address as AddressInfo).port

async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return port(app.server.address())
}

const subjects: Record<string, Starter> = {
  backend: async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(BODY) })
      response.end(BODY)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return port(server.address())
  },
  '@fastify/http-proxy': async (backend) => {
    const { default: proxy } = await import('@fastify/http-proxy')
    const app = Fastify()
    await app.register(proxy, { upstream: `http://127.0.0.1:${backend}` })
    return listen(app)
  },
  '@portcullis/gateway': async (backend) => {
    const { default: gateway } = await import('../src/index.ts')
    const app = Fastify()
    await app.register(gateway, {
      upstreams: { service: { targets: [`http://127.0.0.1:${backend}`], dangerouslyPlaintext: true } },
      internalToken: { issuer: 'gateway', key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
      routes: [{ match: { method: ['GET'], path: '/users/:id' }, upstream: 'service', rewrite: '/api/users/:id' }],
      dangerouslyWithoutAuth: true,
    })
    return listen(app)
  },
}

const [, , role, given] = process.argv
if (process.send !== undefined && role !== undefined) await serve(subjects[role] as Starter, Number(given))
else await compare(Number(role ?? 9), Number(given ?? 2))

async function serve(start: Starter, backend: number): Promise<void> {
  const listening = await start(backend)
  process.on('message', () => process.send?.({ cpu: cpuTime() }))
  process.send?.({ port: listening })
}

function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

async function ask(child: ChildProcess): Promise<{ cpu: number }> {
  const answer = once(child, 'message')
  child.send('cpu')
  return (await answer)[0] as { cpu: number }
}

async function compare(rounds: number, seconds: number): Promise<void> {
  const children: ChildProcess[] = []
  const start = async (name: string, backend = 0): Promise<{ child: ChildProcess; port: number; costs: number[] }> => {
    const child = fork(import.meta.filename, [name, String(backend)])
    children.push(child)
    const [message] = await once(child, 'message')
    return { child, port: (message as { port: number }).port, costs: [] }
  }
  const backend = await start('backend')
  const running = new Map([['backend', backend]])
  for (const name of Object.keys(subjects).slice(1)) running.set(name, await start(name, backend.port))

  for (let round = -1; round < rounds; round++) {
    const entries = [...running.values()]
    for (const subject of round % 2 === 0 ? entries : entries.toReversed()) {
      const before = await ask(subject.child)
      const answers = await load(subject.port, seconds * 1000)
      const after = await ask(subject.child)
      // The first round warms up.
      if (round >= 0) subject.costs.push((after.cpu - before.cpu) / answers)
    }
  }
  console.log(`CPU of one GET, median of ${rounds} rounds of ${seconds} s, ${CONNECTIONS} connections`)
  for (const [name, { costs }] of running) {
    const sorted = costs.toSorted((left, right) => left - right)
    const median = sorted[sorted.length >> 1] ?? Number.NaN
    console.log(
      `  ${name.padEnd(22)} ${median.toFixed(1).padStart(7)} µs   (${sorted[0]?.toFixed(1)} to ${sorted.at(-1)?.toFixed(1)})`,
    )
  }
  for (const child of children) child.kill()
}

/** Keeps connections busy, one request at a time on each. Counts the answers, all of them 200. */
async function load(to: number, milliseconds: number): Promise<number> {
  const request = `GET /users/101 HTTP/1.1\r\nHost: api.example.com\r\nAccept: application/json\r\nUser-Agent: bench\r\n\r\n`
  let answers = 0
  let over = false
  const sockets: Socket[] = []
  for (let index = 0; index < CONNECTIONS; index++) {
    const socket = connect(to, '127.0.0.1')
    sockets.push(socket)
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      if (!text.endsWith('"}')) return
      if (!text.startsWith('HTTP/1.1 200')) throw new Error(text)
      text = ''
      answers++
      if (!over) socket.write(request)
    })
    socket.write(request)
  }
  await new Promise((resolve) => setTimeout(resolve, milliseconds))
  over = true
  for (const socket of sockets) socket.destroy()
  return answers
}
