import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { expect, it, onTestFinished, vi } from 'vitest'
import { upstreamStatus } from '../src/index.ts'
import { stage, startBackend } from './stage.ts'
import { watchingRoom } from './watched-room.ts'

/** A service whose events do not end, and how many of its answers were given up. */
async function startEvents() {
  const left = { count: 0 }
  const { port } = await startBackend((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n')
    const timer = setInterval(() => response.write('data: next\n\n'), 50)
    response.on('close', () => {
      clearInterval(timer)
      left.count++
    })
  })
  return { port, left }
}

/** The answer, once its first event is there. */
async function listenTo(port: number): Promise<IncomingMessage> {
  const request = get({ port, host: '127.0.0.1', path: '/users/profile', agent: false })
  onTestFinished(() => void request.destroy())
  const [answer] = (await once(request, 'response')) as [IncomingMessage]
  await once(answer, 'data')
  return answer
}

it('a stream of events ends when the token of its caller expires', async () => {
  const { port, left } = await startEvents()
  const identity = { claims: { exp: Math.ceil(Date.now() / 1000) + 1 } }
  const staged = await stage(port, { identity })
  const answer = await listenTo(await staged.listen())
  answer.resume()
  await expect(once(answer, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(Date.now() / 1000).toBeGreaterThanOrEqual(identity.claims.exp - 0.1)
  expect(staged.events).toMatchObject([{ type: 'gateway.cut', detail: { reason: 'TOKEN_EXPIRED' } }])
  await vi.waitFor(() => expect(left.count).toBe(1))
})

it.each([
  ['expired', 'TOKEN_EXPIRED'],
  ['revoked', 'TOKEN_REVOKED'],
  ['unavailable', 'AUTH_UNAVAILABLE'],
] as const)('a stream of events that a room says is %s ends, and the service is not to blame', async (why, reason) => {
  const { port, left } = await startEvents()
  const { room, end, watched } = watchingRoom()
  const staged = await stage(port, { before: (app) => void app.register(room) })
  const answer = await listenTo(await staged.listen())
  answer.resume()
  const ending = once(answer, 'end')
  end(why)
  await expect(ending).rejects.toMatchObject({ code: 'ECONNRESET' })
  expect(staged.events).toMatchObject([{ type: 'gateway.cut', detail: { reason } }])
  await vi.waitFor(() => expect([left.count, watched()]).toEqual([1, 0]))
  expect(upstreamStatus(staged.app)[0]?.targets[0]).toMatchObject({ underWay: 0, circuit: 'closed' })
})

it('a stream of events goes on where no token admitted it, or one that does not expire', async () => {
  const { port } = await startEvents()
  for (const staging of [{}, { identity: {} }]) {
    const staged = await stage(port, staging)
    const answer = await listenTo(await staged.listen())
    for (let event = 0; event < 5; event++) await once(answer, 'data')
    expect(staged.events).toEqual([])
    answer.destroy()
  }
})
