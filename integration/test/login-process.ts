import { monitorEventLoopDelay } from 'node:perf_hooks'
import issuer, { hashPassword, refuse, verifyPassword } from '@portcullis/issuer'
import Fastify from 'fastify'

/** What the process tells of the time since it was asked last. */
export interface LoginLoad {
  /** Milliseconds that the event loop was held up: the 99th percentile, and the most. */
  readonly delay99: number
  readonly delayMost: number
  /** Bytes. */
  readonly memory: number
}

// An API with a login, its passwords hashed with the parameters that are the default.
const app = Fastify()
await app.register(issuer, { issuer: 'https://id.example.com', audience: 'https://api.example.com' })
const password = 'the right password'
const hashed = await hashPassword(app, password)
const account = 'refusal' in hashed ? null : hashed
app.post<{ Body: { password: string } }>('/login', async (request, reply) => {
  const verified = await verifyPassword(request, request.body.password, account)
  return 'refusal' in verified ? refuse(request, reply, verified.refusal) : { signedIn: true }
})
app.get('/health', async () => 'ok')
await app.listen({ port: 0, host: '127.0.0.1' })

const delays = monitorEventLoopDelay({ resolution: 1 })
delays.enable()
process.on('message', () => {
  const load = { delay99: delays.percentile(99) / 1e6, delayMost: delays.max / 1e6, memory: process.memoryUsage.rss() }
  process.send?.(load satisfies LoginLoad)
  delays.reset()
})
process.on('disconnect', () => process.exit())
process.send?.((app.server.address() as { port: number }).port)
