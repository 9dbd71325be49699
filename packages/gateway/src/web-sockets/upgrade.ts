import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'

/** A connection that its client asked to use for something else, and what came with the question. */
export interface Upgrade {
  readonly socket: Duplex
  readonly head: Buffer
}

const upgrades = new WeakMap<IncomingMessage, Upgrade>()
const attached = new WeakSet<object>()

/** The connection of a request that asked for an upgrade; undefined: of an ordinary request. */
export function upgradeOf(request: IncomingMessage): Upgrade | undefined {
  return upgrades.get(request)
}

/**
 * Sends requests for upgrades through the app like any other: its whole chain decides on them, and what it refuses is
 * answered as anything else is. Then the connection ends: Node has stopped reading HTTP from it.
 */
export function routeUpgrades(app: FastifyInstance): void {
  if (attached.has(app.server)) return
  attached.add(app.server)
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => {})
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers
    if (request.method !== 'GET' || length !== '0' || coding !== undefined) {
      // Nobody reads its body any more: what follows is not a request.
      app.server.emit('clientError', new Error('a request with a body asks for an upgrade'), socket)
      return
    }
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    try {
      response.assignSocket(socket as never)
    } catch {
      // A request before it has no answer yet: this one's would come in its place, and whatever follows is not HTTP.
      socket.destroy()
      return
    }
    upgrades.set(request, { socket, head })
    response.once('finish', () => {
      response.detachSocket(socket as never)
      socket.end()
      response.emit('close')
    })
    app.routing(request, response)
  })
}
