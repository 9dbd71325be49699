import type { FastifyInstance } from 'fastify'
import type { Upstream, UpstreamStatus } from './upstream.ts'

export type { TargetStatus } from './target.ts'
export type { UpstreamStatus } from './upstream.ts'

/** The open upstreams, by the app's server: every scope has the same. */
const open = new WeakMap<object, Upstream[]>()

/** Remembers the upstreams of one registration. */
export function rememberUpstreams({ server }: FastifyInstance, upstreams: readonly Upstream[]): void {
  open.set(server, [...(open.get(server) ?? []), ...upstreams])
}

/** How the upstreams of an app are, target by target: for readiness and for metrics. Cheap enough to ask each second. */
export function upstreamStatus({ server }: FastifyInstance): UpstreamStatus[] {
  const now = performance.now()
  return (open.get(server) ?? []).map((upstream) => upstream.status(now))
}
