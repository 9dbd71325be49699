import { request, Agent } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Figure, Size } from '../proof.ts'
import { admitted, credential, origin, securedApp } from '../test/secured-app.ts'
import { dial, exchange } from '../test/wire.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const heap = (): number => {
  collect()
  return process.memoryUsage().heapUsed / 1024 / 1024
}

/** A whole house under strangers, callers, clients that leave and bytes that are no HTTP: nothing unanswered, nothing kept. */
export async function prove(size: Size): Promise<Figure[]> {
  const rounds = size === 'full' ? 2_000 : 20
  const app = securedApp()
  app.get('/ok', admitted, async () => ({ ok: true }))
  app.get('/slow', admitted, () => new Promise((resolve) => setTimeout(() => resolve('x'), 20)))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: 50 })
  const statuses = new Map<number, number>()
  let asked = 0

  const ask = (path: string, headers: Record<string, string>, leaveAfterMs?: number): Promise<void> =>
    new Promise((resolve) => {
      asked++
      const sent = request(
        { port, host: '127.0.0.1', path, headers, agent: leaveAfterMs === undefined ? agent : false },
        (response) => {
          statuses.set(response.statusCode ?? 0, (statuses.get(response.statusCode ?? 0) ?? 0) + 1)
          response.resume().on('end', resolve)
        },
      )
      sent.on('error', () => {
        if (leaveAfterMs === undefined) statuses.set(0, (statuses.get(0) ?? 0) + 1)
        else asked--
        resolve()
      })
      if (leaveAfterMs !== undefined) setTimeout(() => sent.destroy(), leaveAfterMs)
      sent.end()
    })

  const round = async (): Promise<void> => {
    const calls = Array.from({ length: 40 }, () => ask('/ok', { ...credential, origin }))
    const strangers = Array.from({ length: 40 }, (_, i) => ask(`/unknown-${i}`, { origin: 'https://evil.example' }))
    const leaving = Array.from({ length: 10 }, () => ask('/slow', credential, 5))
    const broken = Array.from({ length: 2 }, () => exchange(dial(port), 'no http at all\r\n\r\n'))
    await Promise.all([...calls, ...strangers, ...leaving, ...broken])
  }

  for (let i = 0; i < Math.max(10, rounds / 10); i++) await round()
  const before = heap()
  for (let i = 0; i < rounds; i++) await round()
  const grown = heap() - before
  agent.destroy()
  await app.close()

  const answered = [...statuses.values()].reduce((sum, count) => sum + count, 0)
  const failed = [...statuses]
    .filter(([status]) => status === 0 || status >= 500)
    .reduce((sum, [, count]) => sum + count, 0)
  const bound = size === 'full' ? 5 : 20
  return [
    {
      name: `soak: of ${asked} requests unanswered`,
      figure: String(asked - answered),
      bound: '0',
      ok: asked === answered,
    },
    { name: 'soak: answered 5xx or cut', figure: String(failed), bound: '0', ok: failed === 0 },
    { name: 'soak: MiB of heap kept', figure: grown.toFixed(1), bound: `<= ${bound}`, ok: grown <= bound },
  ]
}
