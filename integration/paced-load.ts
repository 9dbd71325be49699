import { Agent, type IncomingMessage, request as ask } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'

/** How one request went. */
export interface Outcome {
  readonly status: number
  readonly whole: boolean
  readonly bytes: number
  readonly ms: number
}

function get(port: number, path: string, agent: Agent): Promise<Outcome> {
  const began = performance.now()
  return new Promise((resolve) => {
    let [status, bytes] = [0, 0]
    const settle = (whole: boolean): void => resolve({ status, whole, bytes, ms: performance.now() - began })
    const request = ask({ port, host: '127.0.0.1', path, agent }, (response: IncomingMessage) => {
      status = response.statusCode ?? 0
      response.on('data', (chunk: Buffer) => (bytes += chunk.length))
      response.on('error', () => {})
      response.on('close', () => settle(response.complete))
    })
    request.on('error', () => settle(false))
    request.end()
  })
}

/** So many a second: more than that fills the machine, and then measures it. */
const PACE = 500

/** So many requests, so many at a time, at the pace of 500 a second. */
export async function flood(port: number, paths: readonly string[], count: number, atOnce: number): Promise<Outcome[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
  let next = 0
  const outcomes: Outcome[] = []
  const one = async (_: unknown, place: number): Promise<void> => {
    await wait((place / PACE) * 1_000)
    while (next < count) {
      const outcome = await get(port, paths[next++ % paths.length] as string, agent)
      outcomes.push(outcome)
      await wait(Math.max((atOnce / PACE) * 1_000 - outcome.ms, 0))
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }).map(one))
  agent.destroy()
  return outcomes
}

/** Asks the route that is well at a steady pace, until told to stop. */
export function steadily(port: number, everyMs: number): () => Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const under: Promise<Outcome>[] = []
  const timer = setInterval(() => under.push(get(port, '/well', agent)), everyMs)
  return async () => {
    clearInterval(timer)
    const outcomes = await Promise.all(under)
    agent.destroy()
    const failed = outcomes.filter(({ status }) => status !== 200).length
    if (failed > 0) throw new Error(`${failed} requests to the route that is well failed`)
    return outcomes.map(({ ms }) => ms).toSorted((a, b) => a - b)
  }
}
export const p99 = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length * 0.99)] ?? 0
