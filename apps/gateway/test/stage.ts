import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type GatewayServer, startGateway } from '../src/index.ts'

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' })

/** Takes what is to be done once a test is over, or whatever else shares it. */
export type Over = (act: () => void | Promise<void>) => void

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A private service that remembers what it was asked. */
export interface Service {
  readonly port: number
  readonly asked: string[]
  readonly server: Server
}

export async function startService(
  answer: Handler = (request, response) => response.end(JSON.stringify(request.url)),
  over: Over = onTestFinished,
): Promise<Service> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    answer(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  over(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, asked, server }
}

/** A folder with a file of that text, and the key that it names. */
export function writeConfig(
  text: string,
  over: Over = onTestFinished,
): { folder: string; file: string; write: (text: string) => void } {
  const folder = mkdtempSync(join(tmpdir(), 'gateway-server-'))
  over(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'gateway.yaml')
  writeFileSync(join(folder, 'gateway.key'), key)
  const write = (next: string): void => writeFileSync(file, next)
  write(text)
  return { folder, file, write }
}

/** A file that leads `path` to a service, for everybody. */
export function configFor(port: number, { path = '/a', rewrite = '/a', policy = '{}', more = '' } = {}): string {
  return `
listen: { host: 127.0.0.1, port: 0 }
operation: { port: 0 }
drain: { delay: 0, deadline: 5 }
logLevel: silent
gateway:
  upstreams:
    service: { targets: ['http://127.0.0.1:${port}'], dangerouslyPlaintext: true }
  internalToken: { issuer: gateway, key: '\${file:gateway.key}' }
  dangerouslyWithoutAuth: true
  routes:
    - { match: { path: '${path}' }, upstream: service, rewrite: '${rewrite}', policy: ${policy} }
${more}`
}

export async function start(file: string, env: Record<string, string> = {}, watch = false): Promise<GatewayServer> {
  const gateway = await startGateway({ file, env, watch })
  onTestFinished(() => gateway.close())
  return gateway
}
