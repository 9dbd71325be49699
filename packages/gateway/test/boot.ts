import type { Mistake } from '@portcullis/kernel'
import Fastify from 'fastify'
import gateway, { type GatewayOptions } from '../src/index.ts'

/** Starts a gateway, and ends it. @returns its mistakes, if it refuses to start */
export async function boot(options: object): Promise<readonly Mistake[]> {
  const app = Fastify()
  try {
    await app.register(gateway, options as GatewayOptions)
    await app.ready()
    return []
  } catch (error) {
    const { mistakes } = error as { mistakes?: readonly Mistake[] }
    if (mistakes === undefined) throw error
    return mistakes
  } finally {
    await app.close()
  }
}
