import type { FastifyInstance } from 'fastify'

/** What a Fastify instance keeps under a symbol of its own, found by the symbol's description; undefined if it is gone. */
export function internal(app: FastifyInstance, description: string): unknown {
  for (let at: object | null = app; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    const symbol = Object.getOwnPropertySymbols(at).find((one) => one.description === description)
    if (symbol !== undefined) return (at as Record<symbol, unknown>)[symbol]
  }
  return undefined
}
