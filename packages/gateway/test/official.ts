import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { onTestFinished } from 'vitest'

/** @fastify/http-proxy in front of a backend, as its README shows it. */
export async function official(
  port: number,
  options: Partial<FastifyHttpProxyOptions> = {},
  server: FastifyServerOptions = {},
): Promise<FastifyInstance> {
  const app = Fastify(server) as FastifyInstance
  onTestFinished(() => app.close())
  await app.register(httpProxy, { upstream: `https://127.0.0.1:${port}`, ...options } as FastifyHttpProxyOptions)
  return app
}

/** The proxy that one writes in five lines: parameters into a template, `fetch`, the answer back. */
export function naive(port: number): FastifyInstance {
  const app = Fastify()
  onTestFinished(() => app.close())
  app.get('/files/*', async (request, reply) => {
    const { '*': rest } = request.params as { '*': string }
    const answer = await fetch(`http://127.0.0.1:${port}/store/${rest}`)
    return reply.code(answer.status).send(await answer.text())
  })
  return app
}

/** A proxy that strips what Connection names as RFC 9110 §7.6.1 asks, after it has added its own fields. */
export function strippingLast(port: number): FastifyInstance {
  const app = Fastify()
  onTestFinished(() => app.close())
  app.get('/', async (request) => {
    const fields: Record<string, string> = { 'x-user-id': '7' }
    for (const name of (request.headers.connection ?? '').split(',')) delete fields[name.trim()]
    return (await fetch(`http://127.0.0.1:${port}/`, { headers: fields })).text()
  })
  return app
}
