import { once } from 'node:events'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import cors from '@portcullis/cors'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'

const origin = 'https://app.example.com'
const closed = { config: { security: { cors: false as const } } }
let app: FastifyInstance

afterEach(() => app.close())

describe('the preflight of a URL whose routes are told apart', () => {
  it('by Accept-Version, which no preflight carries, follows the newest version', async () => {
    app = Fastify()
    await app.register(cors, { origins: [origin], requestHeaders: ['Accept-Version'] })
    app.put('/old', { constraints: { version: '1.0.0' }, ...closed }, async () => 'x')
    app.put('/new', { constraints: { version: '1.0.0' }, ...closed }, async () => 'x')
    app.put('/new', { constraints: { version: '2.0.0' } }, async () => 'x')
    app.put('/plain', async () => 'x')
    const asked = async (url: string): Promise<unknown[]> => {
      const headers = { origin, 'access-control-request-method': 'PUT' }
      const answer = await app.inject({ method: 'OPTIONS', url, headers })
      return [answer.statusCode, answer.headers['access-control-allow-methods']]
    }
    expect(await asked('/old')).toEqual([404, undefined])
    expect(await asked('/new')).toEqual([204, 'PUT'])
    expect(await asked('/plain')).toEqual([204, 'PUT'])
  })

  it.each(['HTTP/1.1', 'HTTP/2'])('by host follows the route of that host over %s', async (protocol) => {
    app = (protocol === 'HTTP/2' ? Fastify({ http2: true }) : Fastify()) as unknown as FastifyInstance
    await app.register(cors, { origins: [origin] })
    app.put('/orders', { constraints: { host: 'closed.example.com' }, ...closed }, async () => 'x')
    app.put('/orders', { constraints: { host: 'open.example.com' } }, async () => 'x')
    const asked =
      protocol === 'HTTP/2'
        ? await overHttp2()
        : async (host: string) => {
            const headers = { origin, host, 'access-control-request-method': 'PUT' }
            return (await app.inject({ method: 'OPTIONS', url: '/orders', headers })).headers
          }
    const methods = async (host: string) => (await asked(host))['access-control-allow-methods']
    expect(await methods('closed.example.com')).toBeUndefined()
    expect(await methods('open.example.com')).toBe('PUT')
  })
})

async function overHttp2() {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return async (host: string): Promise<Record<string, unknown>> => {
    const client = connect(`http://127.0.0.1:${port}`)
    const asked = { ':method': 'OPTIONS', ':path': '/orders', ':authority': host }
    const stream = client.request({ ...asked, origin, 'access-control-request-method': 'PUT' }, { endStream: true })
    const [fields] = (await once(stream, 'response')) as [Record<string, unknown>]
    stream.resume()
    await once(stream, 'close')
    client.close()
    return fields
  }
}
