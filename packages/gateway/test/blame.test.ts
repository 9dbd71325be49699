import { once } from 'node:events'
import { request } from 'node:http'
import { connect } from 'node:net'
import { expect, it, onTestFinished, vi } from 'vitest'
import { closing, send, stage, startBackend } from './stage.ts'

const upstream = { timeouts: { total: 2 }, circuit: { failures: 2, openFor: 60 } }

it('clients that send slowly do not have a service given up', async () => {
  const { port } = await startBackend((incoming, response) => {
    incoming.resume().on('end', () => response.end('ok'))
  })
  const { listen, events } = await stage(port, { upstream })
  const open = await listen()
  const slow = Array.from({ length: 4 }, async () => {
    const one = request({ port: open, host: '127.0.0.1', method: 'POST', path: '/users/profile', agent: false })
    one.on('error', () => {})
    onTestFinished(() => void one.destroy())
    one.setHeader('content-length', '10').write('half')
    const [answer] = await once(one, 'response')
    return (answer as { statusCode: number }).statusCode
  })
  expect(await Promise.all(slow)).toEqual([504, 504, 504, 504])
  expect(events.map(({ type }) => type)).not.toContain('gateway.target-ejected')
  expect((await send(open)).status).toBe(200)
})

it('clients that read slowly do not have a service given up', async () => {
  const large = Buffer.alloc(20_000_000)
  const { port } = await startBackend((incoming, response) => {
    response.end(incoming.url === '/api/profile?small' ? 'ok' : large)
  })
  const { listen, events } = await stage(port, { upstream })
  const open = await listen()
  await send(open, { path: '/users/profile?small' })
  const slow = Array.from({ length: 4 }, () => {
    const socket = connect(open, '127.0.0.1')
    onTestFinished(() => void socket.destroy())
    socket.on('error', () => {}).pause()
    socket.write('GET /users/profile HTTP/1.1\r\nHost: a\r\n\r\n')
    return socket
  })
  await vi.waitFor(() => expect(events.filter(({ type }) => type === 'gateway.cut')).toHaveLength(4), 20_000)
  expect(events.map(({ type }) => type)).not.toContain('gateway.target-ejected')
  expect((await send(open, { path: '/users/profile?small' })).status).toBe(200)
  await Promise.all(slow.map((socket) => closing(socket.destroy())))
})

it('a service that takes too long itself is given up', async () => {
  const { port } = await startBackend((_incoming, response) => void response.write('.'))
  const { listen, events } = await stage(port, { upstream })
  const open = await listen()
  for (let i = 0; i < 2; i++) await send(open)
  expect(events.map(({ type }) => type)).toContain('gateway.target-ejected')
})
