import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { expect, vi } from 'vitest'
import gateway, { type GatewayRoute, upstreamStatus } from '../src/index.ts'
import { optionsFor } from './stage.ts'
import type { Arrival, Recorder } from './wire.ts'

/** A gateway whose policy refuses `/admin`, and remembers all that it saw. */
export interface Watched {
  readonly port: number
  /** Says something; gives what it was told, and what arrived: nothing that the policy did not see, as it saw it, once each. */
  arrivalsOf<Told>(say: () => Promise<Told>): Promise<{ told: Told; arrivals: readonly Arrival[] }>
  close(): Promise<void>
}

/** Puts an app in front of a backend: `/public/*` leads to `/store/*`. */
export async function watch(app: FastifyInstance, backend: Recorder): Promise<Watched> {
  const seen = new Map<string, { method: string; url: string }>()
  app.addHook('preHandler', async (request, reply) => {
    seen.set(request.id, { method: request.method, url: request.url.replace('http://A', '') })
    return request.url.startsWith('/admin') ? reply.code(403).send('no') : undefined
  })
  const routes = ['/public/*', '/admin'].map((path): GatewayRoute => ({
    match: { method: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], path },
    upstream: 'user-service',
    rewrite: path.replace('/public', '/store'),
  }))
  const targets = [`http://user-service.local:${backend.port}`]
  await app.register(gateway, await optionsFor(0, { routes, upstream: { targets, dangerouslyPlaintext: true } }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  return {
    port: (app.server.address() as AddressInfo).port,
    async arrivalsOf(say) {
      backend.arrivals.length = 0
      const told = await say()
      await vi.waitFor(() => {
        const busy = upstreamStatus(app).some(({ targets: all }) => all.some(({ underWay }) => underWay > 0))
        expect(busy).toBe(false)
      })
      expect(backend.strays).toEqual([])
      const arrivals = [...backend.arrivals]
      for (const { method, target, fields } of arrivals) {
        const ids = fields.filter(([name]) => name === 'x-request-id').map(([, id]) => id)
        expect(ids).toHaveLength(1)
        const [id] = ids as [string]
        expect({ method, url: target.replace('/store', '/public') }).toEqual(seen.get(id))
        seen.delete(id)
      }
      return { told, arrivals }
    },
    async close() {
      await app.close()
      await backend.close()
    },
  }
}
