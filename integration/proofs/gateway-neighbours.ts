import type { GatewayRoute, UpstreamOptions } from '@portcullis/gateway'
import { flood, p99, steadily } from '../paced-load.ts'
import { serve, type Serving, type ServingProcess } from '../serving-process.ts'
import type { Figure, Size } from '../proof.ts'

type Port = Pick<ServingProcess, 'port'>

/** Nobody listens there. */
const NOBODY = 1

/** Paths, and where they lead. */
const leadTo = (well: Port, faulty: Port) => ({
  '/well': { port: well.port, path: '/well' },
  '/calm': { port: faulty.port, path: '/well' },
  '/reset': { port: faulty.port, path: '/reset' },
  '/refused': { port: NOBODY, path: '/well' },
})

/** @param circuit null: no target is given up, and each request meets the fault. Absent: as it is by default. */
function ours(well: Port, faulty: Port, circuit?: null): Serving {
  const never = { failures: 1_000_000_000, share: 1, minimum: 1_000_000_000 }
  const paths = Object.entries(leadTo(well, faulty))
  const upstreams = paths.map(([path, { port }]): [string, UpstreamOptions] => [
    path.slice(1),
    {
      targets: [`http://127.0.0.1:${port}`],
      dangerouslyPlaintext: true,
      ...(circuit === null ? { circuit: never } : {}),
    },
  ])
  const routes = paths.map(([path, { path: rewrite }]): GatewayRoute => ({
    match: { path },
    upstream: path.slice(1),
    rewrite,
  }))
  return { what: 'gateway', gateway: { upstreams: Object.fromEntries(upstreams), routes } }
}

interface Waits {
  /** Milliseconds, beside requests to services that are well. */
  readonly usual: number
  /** Beside as many to services that refuse or reset. */
  readonly beside: number
}

/** What a route's callers wait at the 99th percentile while others' services fail, in a round of each. */
async function waitsOf(serving: Serving, { warm, count, rounds }: Record<'warm' | 'count' | 'rounds', number>) {
  const proxy = await serve(serving)
  const { port } = proxy
  try {
    const beside = async (paths: readonly string[]): Promise<number> => {
      const stop = steadily(port, 5)
      await flood(port, paths, count, 50)
      return p99(await stop())
    }
    await flood(port, ['/well'], warm, 50)
    await flood(port, ['/refused', '/reset'], count, 50)
    const all: Waits[] = []
    for (let round = 0; round < rounds; round++) {
      all.push({ usual: await beside(['/calm']), beside: await beside(['/refused', '/reset']) })
    }
    // The middle of the ratios: one pause of the machine is in one of them.
    all.sort((one, other) => one.beside / one.usual - other.beside / other.usual)
    return all[Math.floor(rounds / 2)] as Waits
  } finally {
    await proxy.end()
  }
}

/** A route beside services that refuse and reset: ours, and @fastify/http-proxy in the same storm. */
export async function prove(size: Size): Promise<Figure[]> {
  const sizes = size === 'full' ? { warm: 20_000, count: 5_000, rounds: 5 } : { warm: 100, count: 100, rounds: 1 }
  const [well, faulty] = await Promise.all([serve({ what: 'service' }), serve({ what: 'service' })])
  try {
    const theirs = await waitsOf({ what: 'official', official: leadTo(well, faulty) }, sizes)
    const each = await waitsOf(ours(well, faulty, null), sizes)
    const usual = await waitsOf(ours(well, faulty), sizes)
    if (size === 'small') return [{ name: 'gateway: routes answered beside faults', figure: '3', bound: '3', ok: true }]
    const figure = (name: string, waits: Waits): Figure => ({
      name: `gateway: p99 of a route beside others' faults, ${name}`,
      figure: `${waits.beside.toFixed(1)} ms (@fastify/http-proxy ${theirs.beside.toFixed(1)} beside ${theirs.usual.toFixed(1)})`,
      bound: `≤ 1.5 × ${waits.usual.toFixed(1)} ms`,
      ok: waits.beside <= waits.usual * 1.5,
    })
    return [figure('each request meets one', each), figure('circuit as it is', usual)]
  } finally {
    await well.end()
    await faulty.end()
  }
}
