import { setTimeout as wait } from 'node:timers/promises'
import type { GatewayRoute, UpstreamOptions } from '@portcullis/gateway'
import { flood, type Outcome, steadily } from '../paced-load.ts'
import { serve, type ServingProcess } from '../serving-process.ts'
import type { Figure, Size } from '../proof.ts'

/** Milliseconds that a frozen service has, and how much later the answer may be. */
const [DEADLINE, SLACK] = [500, 250]
/** Bytes at which an endless answer is cut. */
const CAP = 1_048_576

/** No target is given up: what is asked for is what every single request meets. */
const never = { failures: 1_000_000_000, share: 1, minimum: 1_000_000_000 }

/** Services that die, freeze, reset, babble and never end, behind one gateway. */
export async function prove(size: Size): Promise<Figure[]> {
  const full = size === 'full'
  const counts = full
    ? { broken: 10_000, frozen: 1_000, endless: 20, odd: 200 }
    : { broken: 200, frozen: 20, endless: 3, odd: 20 }
  const [well, faulty, frozen] = await Promise.all(Array.from({ length: 3 }, () => serve({ what: 'service' })))
  const upstream = ({ port }: { port: number }, more: Partial<UpstreamOptions> = {}): UpstreamOptions => ({
    targets: [`http://127.0.0.1:${port}`],
    dangerouslyPlaintext: true,
    circuit: never,
    concurrency: 2_000,
    ...more,
  })
  const route = (path: string, of: string): GatewayRoute => ({ match: { path }, upstream: of })
  const proxy = await serve({
    what: 'gateway',
    gateway: {
      upstreams: {
        well: upstream(well as ServingProcess),
        faulty: upstream(faulty as ServingProcess),
        frozen: upstream(frozen as ServingProcess, { timeouts: { headersMs: DEADLINE } }),
        // Nobody listens there.
        refused: upstream({ port: 1 }),
      },
      routes: [
        route('/well', 'well'),
        ...['/reset', '/garbage', '/middle', '/slow', '/silent'].map((path) => route(path, 'faulty')),
        { ...route('/endless', 'faulty'), responseLimit: CAP },
        { ...route('/frozen', 'frozen'), rewrite: '/well' },
        { ...route('/refused', 'refused'), rewrite: '/well' },
      ],
    },
  })
  const processes = [well, faulty, frozen, proxy] as ServingProcess[]
  const { port } = proxy
  try {
    const storm = async (share: number) => {
      const load = (paths: readonly string[], count: number, atOnce: number): Promise<Outcome[]> =>
        flood(port, paths, Math.max(Math.floor(count * share), 1), atOnce)
      frozen?.child.kill('SIGSTOP')
      const outcomes = {
        frozen: await load(['/frozen'], counts.frozen, 250),
        broken: await load(['/refused', '/reset'], counts.broken, 50),
        garbage: await load(['/garbage'], counts.odd, 10),
        middle: await load(['/middle'], counts.odd, 10),
        slow: await load(['/slow'], counts.odd, 20),
        endless: await load(['/endless'], counts.endless, 20),
      }
      frozen?.child.kill('SIGCONT')
      return outcomes
    }
    await flood(port, ['/well'], full ? 20_000 : 200, 50)
    // What such a storm takes once, it keeps: buffers, compiled code, and after the third of them nothing more. What the next
    // one takes is what leaks.
    for (let storms = full ? 3 : 1; storms > 0; storms--) {
      await storm(full ? 1 : 0.1)
      await wait(full ? 10_000 : 100)
    }

    const before = await proxy.facts()
    const others = steadily(port, 5)
    const met = await storm(1)
    // None of them fails.
    await others()
    // A service that dies with requests under way.
    const dying = flood(port, ['/silent'], 50, 50)
    await wait(full ? 500 : 200)
    faulty?.child.kill('SIGKILL')
    const killed = await dying
    // Connections that nobody needs any more have their own time-outs.
    await wait(full ? 10_000 : 500)
    const after = await proxy.facts()

    const all = (name: string, of: readonly Outcome[], status: number, whole = true): Figure => {
      const right = of.filter((one) => one.status === status && one.whole === whole).length
      const [figure, bound] = [`${right} × ${status}`, `${of.length} × ${status}`]
      return { name: `gateway: ${name}`, figure, bound, ok: figure === bound }
    }
    const slowest = Math.max(...met.frozen.map(({ ms }) => ms))
    const longest = Math.max(...met.endless.map(({ bytes }) => bytes))
    const figures: Figure[] = [
      all('refused or reset', met.broken, 502),
      all('frozen', met.frozen, 504),
      all('answering what is not HTTP', met.garbage, 502),
      all('resetting in the middle of its answer', met.middle, 200, false),
      all('slow', met.slow, 200),
      all('answering without end', met.endless, 200, false),
      all('killed', killed, 502),
      {
        name: 'gateway: most of an endless answer',
        figure: `${longest} bytes`,
        bound: `≤ ${CAP} bytes`,
        ok: longest > 0 && longest <= CAP,
      },
      {
        name: 'gateway: handles afterwards',
        figure: String(after.handles),
        bound: `≤ ${Math.ceil(before.handles * 1.05)}`,
        ok: after.handles <= Math.ceil(before.handles * 1.05),
      },
    ]
    if (!full) return figures
    const mib = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`
    return [
      ...figures,
      {
        name: 'gateway: slowest answer for a frozen service',
        figure: `${Math.round(slowest)} ms`,
        bound: `≤ ${DEADLINE + SLACK} ms`,
        ok: slowest <= DEADLINE + SLACK,
      },
      {
        name: 'gateway: heap afterwards',
        figure: mib(after.heap),
        bound: `≤ ${mib(before.heap * 1.05)}`,
        ok: after.heap <= before.heap * 1.05,
      },
      {
        name: 'gateway: RSS afterwards',
        figure: mib(after.rss),
        bound: `≤ ${mib(before.rss * 1.05)}`,
        ok: after.rss <= before.rss * 1.05,
      },
    ]
  } finally {
    for (const one of processes) await one.end()
  }
}
