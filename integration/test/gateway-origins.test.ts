import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import security, { serverOptions } from '@portcullis/security'
import Fastify from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fullHouse } from './configurations.ts'
import { credential, houseOptions, origin } from './secured-app.ts'

let asked = 0
const service = createServer((_request, response) => {
  asked++
  response.setHeader('content-type', 'application/json').end('{"sent":true}')
})
beforeAll(async () => once(service.listen(0, '127.0.0.1'), 'listening'))
afterAll(() => void service.close())

it('a gateway forwards nothing that a foreign page asks, not even what needs no preflight', async () => {
  const app = Fastify(serverOptions())
  app.register(security, {
    ...houseOptions,
    gateway: {
      upstreams: {
        private: {
          targets: [`http://127.0.0.1:${(service.address() as AddressInfo).port}`],
          dangerouslyPlaintext: true,
        },
      },
      internalToken: fullHouse().gateway.internalToken as never,
      routes: [{ match: { method: ['POST'], path: '/transfer' }, upstream: 'private', policy: { auth: {} } }],
    },
  })
  const send = (headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: '/transfer', headers: { ...credential, ...headers } })
  const foreign = await send({ origin: 'https://evil.example', 'content-type': 'text/plain' })
  expect([foreign.statusCode, foreign.json(), asked]).toMatchObject([403, { code: 'PTC_CORS_ORIGIN_REFUSED' }, 0])
  expect(Object.keys(foreign.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  for (const headers of [{ origin }, {}]) expect((await send(headers as {})).json()).toEqual({ sent: true })
  expect(asked).toBe(2)
  await app.close()
})
