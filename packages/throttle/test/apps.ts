import { request as ask, type IncomingMessage, type RequestOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import throttle, { type ThrottleOptions } from '../src/index.ts'

/** Apps opened by a test; `closeAll` closes them. */
const opened: FastifyInstance[] = []

export async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((app) => app.close()))
}

export function opening(app: FastifyInstance): FastifyInstance {
  opened.push(app)
  return app
}

/** An app with the room registered. */
export async function throttled(options: ThrottleOptions, server: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const app = opening(Fastify({ forceCloseConnections: 'idle', ...server } as FastifyServerOptions))
  await app.register(throttle, options)
  return app
}

/** A handler that answers when told. */
export function held(): { handler: () => Promise<string>; letGo: () => void; arrived: () => number } {
  const waiting: ((body: string) => void)[] = []
  let arrived = 0
  return {
    handler() {
      arrived++
      return new Promise((resolve) => waiting.push(resolve))
    },
    letGo() {
      waiting.shift()?.('done')
    },
    arrived: () => arrived,
  }
}

/** Waits until a fact holds. */
export async function until(fact: () => boolean): Promise<void> {
  // A fact that never comes must end the test, not keep it turning.
  for (let turn = 0; !fact(); turn++) {
    if (turn > 200_000) throw new Error(`never came: ${fact.toString()}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

export async function listening(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

/** Asks over a real socket; `cut` leaves. */
export function client(port: number, path: string, more: RequestOptions = {}) {
  const request = ask({ port, host: '127.0.0.1', path, agent: false, ...more })
  const answered = new Promise<IncomingMessage | null>((resolve) => {
    request.on('response', (response) => {
      response.resume()
      resolve(response)
    })
    request.on('error', () => resolve(null))
  })
  request.end()
  return { answered, cut: () => request.destroy(), status: () => answered.then((one) => one?.statusCode ?? 0) }
}
