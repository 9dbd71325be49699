import { fork } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyRequest } from 'fastify'
import { fixedWindow } from '../../packages/rate-limit/src/algorithms/fixed-window.ts'
import { MemoryTable } from '../../packages/rate-limit/src/memory/memory-table.ts'
import { blankStanding } from '../../packages/rate-limit/src/algorithms/standing.ts'
import { tokenBucket } from '../../packages/rate-limit/src/algorithms/token-bucket.ts'
import type { Figure, Size } from '../proof.ts'

/** Names a caller as an IPv4 quota does. */
const nameOf = (i: number): string => `a${i >>> 24}.${(i >>> 16) & 255}.${(i >>> 8) & 255}.${i & 255}`

const WINDOW = 3600
/** As `plugin.ts` has it. */
const clock = (): number => Math.floor(performance.now())

type Take = (name: string) => boolean | Promise<boolean>

function ours(table: MemoryTable): (name: string) => boolean {
  const standing = blankStanding()
  return (name) => {
    const now = clock()
    table.judge(name, now, 1, standing)
    if (standing.allowed) table.commit(name, now, 1, standing)
    return standing.allowed
  }
}

/** Each counts one request of a caller in memory, with room for all of them. */
const subjects: Record<string, (keys: number) => Promise<Take>> = {
  'token bucket': async (keys) => ours(new MemoryTable(tokenBucket(1000, WINDOW, 1000), keys)),
  'fixed window': async (keys) => ours(new MemoryTable(fixedWindow(1000, WINDOW), keys)),
  '@fastify/rate-limit': async (keys) => {
    const { default: Fastify } = await import('fastify')
    const { default: limit } = await import('@fastify/rate-limit')
    const app = Fastify()
    await app.register(limit, { global: false })
    await app.ready()
    const keyGenerator = (request: unknown): string => (request as { name: string }).name
    const settings = { max: 1000, timeWindow: WINDOW * 1000, cache: keys, keyGenerator }
    const take = app.createRateLimit(settings as Parameters<typeof app.createRateLimit>[0])
    return async (name) => {
      const result = await take({ name, routeOptions: {} } as unknown as FastifyRequest)
      return !result.isAllowed && !result.isExceeded
    }
  },
  'rate-limiter-flexible': async () => {
    const { RateLimiterMemory } = await import('rate-limiter-flexible')
    const limiter = new RateLimiterMemory({ points: 1000, duration: WINDOW })
    return async (name) => (await limiter.consume(name)).consumedPoints > 0
  },
}

async function residentAfterCollection(): Promise<number> {
  for (let round = 0; round < 5; round++) {
    globalThis.gc?.()
    await pause(20)
  }
  return process.memoryUsage.rss()
}

/** Bytes of resident memory for each caller beyond those of a process that has named as many and kept none. */
async function bytesAKey(subject: string, keys: number): Promise<number> {
  const make = subjects[subject] as (typeof subjects)[string]
  const rehearsal = await make(1000)
  for (let i = 0; i < 1000; i++) await rehearsal(nameOf(i))
  let letters = 0
  for (let i = 0; i < keys; i++) letters += nameOf(i).length
  if (letters < keys) throw new Error('names are missing')
  const take = await make(keys)
  const before = await residentAfterCollection()
  for (let i = 0; i < keys; i++) if (!(await take(nameOf(i)))) throw new Error(`${subject} refuses ${nameOf(i)}`)
  const after = await residentAfterCollection()
  // The limiter must still be there when memory is read.
  if (!(await take(nameOf(1)))) throw new Error(`${subject} has forgotten how`)
  return (after - before) / keys
}

interface Flood {
  readonly freed: number
  readonly largest: number
  readonly admitted: number
  readonly overflows: number
}

/** Blocks a tenth of a table, floods it; then blocks all of another, and floods that. */
function flood(keys: number): Flood {
  const LIMIT = 3
  const table = new MemoryTable(fixedWindow(LIMIT, WINDOW), keys)
  const take = ours(table)
  let largest = 0
  const blocked = keys / 10
  for (let i = 0; i < blocked; i++) for (let request = 0; request < LIMIT; request++) take(`b${i}`)
  for (let i = 0; i < keys * 10; i++) {
    take(nameOf(i))
    largest = Math.max(largest, table.size)
  }
  let freed = 0
  for (let i = 0; i < blocked; i++) if (take(`b${i}`)) freed++

  let overflows = 0
  const full = new MemoryTable(fixedWindow(1, WINDOW), keys, () => overflows++)
  const ask = ours(full)
  for (let i = 0; i < keys; i++) ask(`b${i}`)
  let admitted = 0
  for (let i = 0; i < keys; i++) if (ask(nameOf(i))) admitted++
  for (let i = 0; i < keys; i++) if (ask(`b${i}`)) freed++
  return { freed, largest: Math.max(largest, full.size), admitted, overflows }
}

/** Milliseconds of the longest decision while a table grows: of five, the one that other processes disturbed least. */
function longestDecision(keys: number): number {
  let quietest = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const take = ours(new MemoryTable(tokenBucket(1000, WINDOW, 1000), keys))
    let longest = 0
    for (let i = 0; i < keys; i++) {
      const name = nameOf(i)
      const start = performance.now()
      take(name)
      longest = Math.max(longest, performance.now() - start)
    }
    quietest = Math.min(quietest, longest)
  }
  return quietest
}

/** Runs a measurement in a process of its own. */
async function apart<T>(what: string, keys: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, [what, String(keys)], { execArgv: ['--expose-gc'] })
    child.on('message', (answer) => resolve(answer as T))
    child.on('exit', (code) => reject(new Error(`${what}: its process ended with ${code}`)))
  })
}

/** What a caller costs in memory, and whom a flood of fresh names frees. */
export async function prove(size: Size): Promise<Figure[]> {
  const keys = size === 'full' ? 1_000_000 : 20_000
  const figures: Figure[] = []
  for (const subject of Object.keys(subjects)) {
    const bytes = await apart<number>(subject, keys)
    const own = !/rate-limit/.test(subject)
    figures.push({
      name: `memory-keys: bytes a caller of ${keys}, ${subject}`,
      figure: bytes.toFixed(1),
      bound: own && size === 'full' ? '<= 64' : 'for comparison',
      ok: !own || size === 'small' || bytes <= 64,
    })
  }
  const { freed, largest, admitted, overflows } = await apart<Flood>('flood', keys)
  figures.push(
    {
      name: `memory-keys: blocked callers freed by ${keys * 10} fresh names`,
      figure: `${freed}`,
      bound: '0',
      ok: freed === 0,
    },
    { name: 'memory-keys: most callers remembered', figure: `${largest}`, bound: `<= ${keys}`, ok: largest <= keys },
    {
      name: `memory-keys: newcomers admitted of ${keys} while all are blocked, limit 1`,
      figure: `${admitted}`,
      bound: '1',
      ok: admitted === 1,
    },
    { name: 'memory-keys: times the overflow was told', figure: `${overflows}`, bound: '1', ok: overflows === 1 },
  )
  if (size === 'full') {
    const longest = await apart<number>('growth', keys)
    figures.push({
      name: 'memory-keys: ms of the longest decision while the table grows',
      figure: longest.toFixed(1),
      bound: '<= 10',
      ok: longest <= 10,
    })
  }
  return figures
}

if (import.meta.main) {
  const [what = '', keys = ''] = process.argv.slice(2)
  const count = Number(keys)
  const answer =
    what === 'flood' ? flood(count) : what === 'growth' ? longestDecision(count) : await bytesAKey(what, count)
  process.send?.(answer, () => process.exit())
}
