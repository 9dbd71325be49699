import type { ServerOptions } from 'node:https'
import type { Server } from 'node:tls'
import type { FastifyInstance } from 'fastify'

/** A member that Fastify keeps on the root under a symbol of that name. */
function member(app: FastifyInstance, name: string): unknown {
  for (let at: object | null = app; at !== null; at = Object.getPrototypeOf(at)) {
    const symbol = Object.getOwnPropertySymbols(at).find(({ description }) => description === name)
    if (symbol !== undefined) return (at as Record<symbol, unknown>)[symbol]
  }
  return undefined
}

/** What `Fastify()` was given, as far as this package reads it; undefined if it is gone. */
export function optionsOf(
  app: FastifyInstance,
): { readonly https?: unknown; readonly trustProxy?: unknown } | undefined {
  return member(app, 'fastify.options') as object | undefined
}

/** The TLS options as the app was made with them, whatever was spread around ours. */
export function tlsOptionsOf(app: FastifyInstance): ServerOptions | undefined {
  const https = optionsOf(app)?.https
  return typeof https === 'object' && https !== null ? https : undefined
}

/** The main server, and those that Fastify opens for the other addresses of localhost. */
export function serversOf(app: FastifyInstance): Server[] {
  const others = member(app, 'fastify.serverBindings')
  return [app.server, ...(Array.isArray(others) ? others : [])] as unknown as Server[]
}
