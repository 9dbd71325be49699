import type { FastifyInstance } from 'fastify'

/** Milliseconds that requests under way have to end in. */
const GRACE = 2000

/**
 * Ends a server's connections a moment after it was told to close. Node looks at its time-outs no more then: one client
 * that says nothing, or half a request, would keep the process for good.
 */
export function closeInTime(app: FastifyInstance): void {
  app.addHook('preClose', (done) => {
    setTimeout(() => app.server.closeAllConnections(), GRACE).unref()
    done()
  })
}
