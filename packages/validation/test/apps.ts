import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { onSecurityEvent, type SecurityEvent } from '@portcullis/kernel'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { afterEach } from 'vitest'
import validation, { type ValidationOptions } from '../src/index.ts'

const opened: FastifyInstance[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()))
})

/** An app that closes with its test. */
export function bare(options: FastifyServerOptions = {}): FastifyInstance {
  const app = Fastify(options)
  opened.push(app)
  return app
}

/** An app with the room. */
export async function guarded(
  options: ValidationOptions = {},
  server: FastifyServerOptions = {},
): Promise<FastifyInstance> {
  const app = bare(server)
  await app.register(validation, options)
  return app
}

/** What an app tells from now on. */
export function listen(app: FastifyInstance): SecurityEvent[] {
  const seen: SecurityEvent[] = []
  onSecurityEvent(app, (event) => void seen.push(event))
  return seen
}

/** A schema that takes any JSON object: only what comes before schemas can refuse. */
export const anything = { type: 'object', additionalProperties: true } as const

/** A schema of one short text. */
export const note = {
  type: 'object',
  additionalProperties: false,
  required: ['text'],
  properties: { text: { type: 'string', maxLength: 100 } },
} as const

export const json = { 'content-type': 'application/json' }

/** Where an app listens. */
export async function portOf(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

/** A connection, and what comes back on it. */
export async function wire(port: number): Promise<{ readonly socket: Socket; answer(): Promise<string> }> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  let text = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  const closed = once(socket, 'close')
  return {
    socket,
    async answer() {
      await closed
      return text
    },
  }
}
