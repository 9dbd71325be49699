import type { Server } from 'node:https'
import type { FastifyInstance } from 'fastify'
import { serversOf, tlsOptionsOf } from './app-internals.ts'
import { planOf } from './certificates/plan.ts'

/**
 * Fastify writes its own `requestTimeout`, 0 unless it was given, over that of the TLS options, and a body may then
 * take for ever. Whoever named none has ours.
 */
export function fireRequestTimeout(app: FastifyInstance): void {
  const tls = tlsOptionsOf(app)
  if (tls?.requestTimeout === undefined || planOf(tls) === undefined) return
  const set = (): void => {
    for (const server of serversOf(app) as unknown as Server[]) {
      if (server.requestTimeout === 0) server.requestTimeout = tls.requestTimeout as number
    }
  }
  set()
  // For localhost there is a second server.
  app.addHook('onListen', (done) => {
    set()
    done()
  })
}
