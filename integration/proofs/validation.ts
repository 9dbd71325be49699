import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { serverOptions } from '@portcullis/kernel'
import validation from '@portcullis/validation'
import Fastify from 'fastify'
import type { Figure, Size } from '../proof.ts'

/** What the server says of itself. */
interface Facts {
  /** Microseconds of CPU since the process began. */
  readonly cpu: number
  readonly rss: number
}

// The server is a process of its own: what the attackers cost is not its doing.
if (process.send !== undefined && process.argv[2] === 'serve-validation-proof') await serve()

async function serve(): Promise<void> {
  const app = Fastify(serverOptions({ bodyLimit: 2_000_000 }))
  await app.register(validation, { contentEncodings: ['gzip'], bodyRate: { bytesPerSecond: 240, grace: 1 } })
  app.post('/', { schema: { body: { type: 'object', additionalProperties: true } } }, async () => ({ ok: true }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  process.on('message', (question: 'cpu' | 'rss') => {
    if (question === 'rss') globalThis.gc?.()
    const { user, system } = process.cpuUsage()
    const facts: Facts = { cpu: user + system, rss: process.memoryUsage().rss }
    process.send?.(facts)
  })
  process.send?.((app.server.address() as AddressInfo).port)
}

async function ask(server: ChildProcess, question: 'cpu' | 'rss'): Promise<Facts> {
  const answered = once(server, 'message')
  server.send(question)
  const [facts] = (await answered) as [Facts]
  return facts
}

/** Sends bytes, and answers the status that came back; what trickles comes a byte at a time until then. */
async function send(port: number, body: Buffer, fields = '', declared = body.length, trickle = false): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const closed = once(socket, 'close')
  let text = ''
  let drip: NodeJS.Timeout | undefined
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
    socket.end()
  })
  socket.write(
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${fields}Content-Length: ${declared}\r\n\r\n`,
  )
  socket.write(body)
  if (trickle) drip = setInterval(() => socket.write(' '), 100)
  await closed
  clearInterval(drip)
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0)
}

interface Attack {
  readonly name: string
  readonly status: number
  readonly body: Buffer
  readonly fields?: string
  readonly declared?: number
  readonly trickle?: boolean
}

const members = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"k${i}":0`).join()}}`

const attacks: readonly Attack[] = [
  {
    name: 'depth bomb, 500,000 arrays',
    status: 400,
    body: Buffer.from(`{"a":${'['.repeat(500_000)}${']'.repeat(500_000)}}`),
  },
  { name: '80,000 keys', status: 400, body: Buffer.from(members(80_000)) },
  { name: 'slow body', status: 408, body: Buffer.from('{'), declared: 100_000, trickle: true },
  {
    name: 'gzip bomb, 500 MB',
    status: 413,
    body: gzipSync(Buffer.alloc(500_000_000, ' ')),
    fields: 'Content-Encoding: gzip\r\n',
  },
  {
    name: 'bad UTF-8',
    status: 400,
    body: Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
  },
  {
    name: 'a megabyte of escapes before a far quote',
    status: 400,
    body: Buffer.from(`{"a":"${'\\a'.repeat(500_000)}`),
  },
  { name: 'a number of a million digits', status: 400, body: Buffer.from(`{"a":${'9'.repeat(1_000_000)}}`) },
  {
    name: '45,000 numbers of twenty digits',
    status: 400,
    body: Buffer.from(`{"a":[${'12345678901234567891,'.repeat(45_000)}0]}`),
  },
]

const CPU_MS = 20

/** Hostile bodies over raw sockets: each has its status, costs little, and leaves nothing behind. */
export async function prove(size: Size): Promise<Figure[]> {
  const server = fork(fileURLToPath(import.meta.url), ['serve-validation-proof'], { execArgv: ['--expose-gc'] })
  try {
    const [port] = (await once(server, 'message')) as [number]
    const warm = Buffer.from(members(9_000))
    for (let i = 0; i < 20; i++) await send(port, warm)
    const times = size === 'full' ? 15 : 2
    const round = async (): Promise<Figure[]> => {
      const figures: Figure[] = []
      for (const { name, status, body, fields, declared, trickle } of attacks) {
        const costs: number[] = []
        const statuses = new Set<number>()
        for (let i = 0; i < (trickle === true ? 2 : times); i++) {
          const before = await ask(server, 'cpu')
          statuses.add(await send(port, body, fields, declared, trickle))
          costs.push(((await ask(server, 'cpu')).cpu - before.cpu) / 1000)
        }
        const answered = [...statuses].join()
        const cost = costs.toSorted((a, b) => a - b)[Math.floor(costs.length / 2)] ?? 0
        figures.push(
          {
            name: `validation: ${name}, status`,
            figure: answered,
            bound: String(status),
            ok: answered === String(status),
          },
          {
            name: `validation: ${name}, ms of CPU`,
            figure: cost.toFixed(1),
            bound: `<= ${CPU_MS}`,
            ok: size === 'small' || cost <= CPU_MS,
          },
        )
      }
      return figures
    }
    // What the allocator keeps of a first flood it keeps: it is the next that may add nothing.
    if (size === 'full') await round()
    const before = await ask(server, 'rss')
    const figures = await round()
    const grown = ((await ask(server, 'rss')).rss / before.rss - 1) * 100
    figures.push({
      name: `validation: RSS after them, % above ${(before.rss / 1048576).toFixed(0)} MiB`,
      figure: grown.toFixed(1),
      bound: '<= 5',
      ok: size === 'small' || grown <= 5,
    })
    return figures
  } finally {
    server.kill()
  }
}
