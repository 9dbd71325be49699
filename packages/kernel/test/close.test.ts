import Fastify from 'fastify'
import { connect, type AddressInfo } from 'node:net'
import { expect, it, vi } from 'vitest'
import { marking } from './rooms.ts'

// Node 22, and 24 before 24.16, tell of the first alone.
it('tells close steps of every request of a client that leaves, though all but the first wait behind others', async () => {
  const seen: boolean[] = []
  let closed = 0
  const app = Fastify()
  app.register(marking('audit', () => ({ close: (_request, _reply, aborted) => void seen.push(aborted) })))
  app.get('/', (_request, reply) => {
    reply.raw.once('close', () => closed++)
    return new Promise(() => {})
  })
  app.get('/first', async () => 'x')
  await app.listen({ port: 0, host: '127.0.0.1' })
  let asked = 0
  app.server.on('request', () => asked++)
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  let answer = ''
  socket.on('data', (chunk) => (answer += String(chunk)))
  const ask = (path: string, times: number): unknown =>
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(times))
  ask('/first', 3)
  await vi.waitFor(() => expect(answer.match(/200 OK/g)).toHaveLength(3))
  ask('/', 20)
  await vi.waitFor(() => expect(asked).toBe(23))
  socket.destroy()
  await vi.waitFor(() => expect(seen).toHaveLength(23))
  expect(seen.filter(Boolean)).toHaveLength(20)
  expect(closed).toBe(20)
  await app.close()
})
