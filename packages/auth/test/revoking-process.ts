import Fastify from 'fastify'
import { Redis } from 'ioredis'
import auth, { type KeyMaterial } from '../src/index.ts'

/** What it is started with, as JSON in its first argument. */
interface Given {
  readonly port: number
  readonly key: KeyMaterial
  readonly issuer: string
  readonly audience: string
  readonly onStoreError: 'closed' | 'open'
}

// Another process of the same API: told a token, it tells how it answers.
const { port, onStoreError, ...jwt } = JSON.parse(process.argv[2] ?? '{}') as Given
const redis = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, maxRetriesPerRequest: null })
redis.on('error', () => {})
const app = Fastify()
await app.register(auth, { jwt: { ...jwt, algorithms: ['ES256'] }, revocation: { redis, onStoreError } })
app.get('/any', { config: { security: { auth: {} } } }, async () => 'ok')
await app.ready()
process.on('message', (token: string) => {
  void app.inject({ url: '/any', headers: { authorization: `Bearer ${token}` } }).then(({ statusCode }) => {
    process.send?.(statusCode)
  })
})
process.on('disconnect', () => process.exit())
process.send?.('ready')
