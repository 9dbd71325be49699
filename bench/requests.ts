import Fastify, { type FastifyInstance } from 'fastify'

/** An app with one route, as a function that asks it once; `prepare` registers what stands before the route. */
export async function asking(
  prepare?: (app: FastifyInstance) => PromiseLike<unknown>,
): Promise<() => Promise<unknown>> {
  const app = Fastify()
  await prepare?.(app)
  app.get('/', async () => ({ hello: 'world' }))
  await app.ready()
  return () => app.inject('/')
}

/**
 * As `measure`, for requests through `inject`, and the lower decile of 20 rounds: a request is long enough for other
 * processes and the garbage collector to get between.
 */
export async function measureRequests(
  title: string,
  all: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<void> {
  const subjects = Object.entries(all).map(([name, run]) => ({ name, run, times: [] as number[] }))
  for (let round = 0; round < 25; round++) {
    for (const { run, times } of round % 2 === 0 ? subjects : subjects.toReversed()) {
      const start = process.cpuUsage()
      for (let call = 0; call < 1000; call++) await run()
      const { user, system } = process.cpuUsage(start)
      if (round >= 5) times.push((user + system) / 1000)
    }
  }
  const first = decile(subjects[0]?.times ?? [])
  const width = Math.max(...subjects.map(({ name }) => name.length))
  console.log(`\n${title}, CPU through inject`)
  for (const { name, times } of subjects) {
    const own = decile(times)
    console.log(`  ${name.padEnd(width)}  ${own.toFixed(1).padStart(6)} µs  ×${(own / first).toFixed(2)}`)
  }
}

const decile = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.floor(times.length / 10)] ?? Number.NaN
