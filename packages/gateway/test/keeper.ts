import type { IncomingMessage } from 'node:http'
import { type Backend, startBackend } from './stage.ts'

/** A service that keeps the bodies it is sent. */
export interface Keeper {
  readonly backend: Backend
  readonly bodies: Buffer[]
}

/** Starts one, which answers `{}`. */
export async function startKeeper(): Promise<Keeper> {
  const bodies: Buffer[] = []
  const backend = await startBackend((request: IncomingMessage, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks))
      response.setHeader('content-type', 'application/json')
      response.end('{}')
    })
  })
  return { backend, bodies }
}
