import { setTimeout as wait } from 'node:timers/promises'
import type { GatewayRoute, UpstreamOptions } from '@portcullis/gateway'
import { flood, type Outcome, p99, steadily } from '../paced-load.ts'
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
        ...['/reset', '/garbage', '/middle', '/slow', '/silent', '/down', '/pause'].map((path) =>
          route(path, 'faulty'),
        ),
        { ...route('/endless', 'faulty'), responseLimit: CAP },
        { ...route('/calm', 'faulty'), rewrite: '/well' },
        { ...route('/frozen', 'frozen'), rewrite: '/well' },
        { ...route('/refused', 'refused'), rewrite: '/well' },
      ],
    },
  })
  const processes = [well, faulty, frozen, proxy] as ServingProcess[]
  const { port } = proxy
  try {
    // The same load both times: on services that fail, and on services that are well.
    const storm = async (share: number, faulting: boolean) => {
      const load = (paths: readonly string[], calm: string, count: number, atOnce: number): Promise<Outcome[]> =>
        flood(port, faulting ? paths : [calm], Math.max(Math.floor(count * share), 1), atOnce)
      if (faulting) frozen?.child.kill('SIGSTOP')
      const outcomes = {
        frozen: await load(['/frozen'], '/pause', counts.frozen, 250),
        broken: await load(['/refused', '/reset'], '/calm', counts.broken, 50),
        garbage: await load(['/garbage'], '/calm', counts.odd, 10),
        middle: await load(['/middle'], '/calm', counts.odd, 10),
        slow: await load(['/slow'], '/slow', counts.odd, 20),
        endless: await load(['/endless'], `/down?bytes=${CAP}`, counts.endless, 20),
      }
      frozen?.child.kill('SIGCONT')
      return outcomes
    }
    await flood(port, ['/well'], full ? 20_000 : 200, 50)
    // What such a storm takes once, it keeps: buffers, compiled code. What the next one takes is what leaks.
    await storm(full ? 1 : 0.1, true)
    await wait(full ? 10_000 : 100)

    const quiet = steadily(port, 5)
    await storm(full ? 1 : 0.1, false)
    const usual = await quiet()
    const before = await proxy.facts()
    const beside = steadily(port, 5)
    const met = await storm(1, true)
    const disturbed = await beside()
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
      {
        name: 'gateway: p99 of another route, faults beside it',
        figure: `${p99(disturbed).toFixed(1)} ms`,
        bound: `≤ 1.5 × ${p99(usual).toFixed(1)} ms`,
        ok: p99(disturbed) <= p99(usual) * 1.5,
      },
    ]
  } finally {
    for (const one of processes) await one.end()
  }
}
