import { tlsServerOptions } from '@portcullis/https'
import Fastify, { type FastifyServerOptions } from 'fastify'
import { expectTypeOf } from 'vitest'
import security, { serverOptions } from '../src/index.ts'

expectTypeOf(serverOptions).returns.toExtend<FastifyServerOptions>()

const app = Fastify(serverOptions({ trustProxy: ['loopback'] }))
app.register(security, { cors: { origins: ['https://a.example'] }, headers: false })
// @ts-expect-error a misspelt room
app.register(security, { cros: { origins: ['https://a.example'] } })
// @ts-expect-error a misspelt option of a room
app.register(security, { cors: { orgins: ['https://a.example'] } })
serverOptions({ https: { keyFile: 'a.key', certFile: 'a.pem' } })
serverOptions({ https: tlsServerOptions({ keyFile: 'a.key', certFile: 'a.pem' }) })
// @ts-expect-error a misspelt option of TLS
serverOptions({ https: { keyfile: 'a.key', certFile: 'a.pem' } })
// @ts-expect-error believes everybody
serverOptions({ trustProxy: true })

app.get(
  '/',
  { config: { security: { auth: { scopes: ['a'] }, cors: false, rateLimit: { policies: [] } } } },
  async (request) => {
    expectTypeOf(request.security.identity?.subject).toEqualTypeOf<string | undefined>()
    return {}
  },
)
