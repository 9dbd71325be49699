import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Dispatcher } from 'undici'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Download } from '../src/bodies.ts'
import { official } from './official.ts'
import { send, stage, startBackend } from './stage.ts'

it('a client cannot keep a service busy by not reading its answer', async () => {
  const backend = await startBackend((_request, response) => {
    const fill = (): void => {
      while (response.write(Buffer.alloc(65_536)));
    }
    response.on('drain', fill)
    fill()
  })
  const still = async (port: number) => {
    const client = httpRequest({ port, path: '/users/profile', host: '127.0.0.1', agent: false }).end()
    client.on('error', () => {})
    const [response] = (await once(client, 'response')) as [IncomingMessage]
    response.pause().on('error', () => {})
    return { client, response }
  }
  const open = await still(((await listening(official(backend.port))).address() as AddressInfo).port)

  const staged = await stage(backend.port, {
    upstream: { concurrency: 1 },
    options: { slowReaders: { grace: 1, bytesPerSecond: 1_000_000_000 } },
  })
  const port = await staged.listen()
  await still(port)
  expect((await send(port)).status).toBe(503)
  await vi.waitFor(() => expect(staged.events.map(({ type }) => type)).toContain('gateway.cut'), { timeout: 10_000 })
  expect(staged.events.at(-1)).toMatchObject({ type: 'gateway.cut', detail: { reason: 'CLIENT_TOO_SLOW' } })
  const next = await still(port)
  expect(next.response.statusCode).toBe(200)
  next.client.destroy()
  // The other proxy still waits.
  expect(open.client.destroyed).toBe(false)
  open.client.destroy()
})

const listening = async (made: ReturnType<typeof official>) => {
  const app = await made
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app.server
}

describe('an answer on its way to a slow client', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
  afterEach(() => void vi.useRealTimers())

  const begin = () => {
    const controller = { paused: false, aborted: undefined as string | undefined }
    const driven = {
      get paused() {
        return controller.paused
      },
      pause: () => (controller.paused = true),
      resume: () => (controller.paused = false),
      abort: (reason: NodeJS.ErrnoException) => (controller.aborted = reason.code),
    }
    const patience = { grace: 10_000, bytesPerSecond: 65_536 }
    const download = new Download(driven as unknown as Dispatcher.DispatchController, patience, () => performance.now())
    download.on('error', () => {})
    return { controller, download }
  }
  /** As much as makes the stream say that it is full. */
  const piece = Buffer.alloc(131_072)

  it('is cut when nothing is read for the time of grace and of the bytes sent', () => {
    const { controller, download } = begin()
    download.feed(piece)
    expect(controller.paused).toBe(true)
    vi.advanceTimersByTime(11_999)
    expect(controller.aborted).toBeUndefined()
    vi.advanceTimersByTime(1)
    expect(controller.aborted).toBe('CLIENT_TOO_SLOW')
    expect(download.destroyed).toBe(true)
  })

  it('is not cut while the client reads at the rate', () => {
    const { controller, download } = begin()
    for (let seconds = 0; seconds < 1000; seconds += 2) {
      download.feed(piece)
      vi.advanceTimersByTime(2000)
      download.read()
      expect(controller.paused).toBe(false)
    }
    expect(controller.aborted).toBeUndefined()
  })

  it('is cut when the client reads, but drop by drop', () => {
    const { controller, download } = begin()
    let seconds = 0
    for (; controller.aborted === undefined && seconds < 1000; seconds += 8) {
      download.feed(piece)
      vi.advanceTimersByTime(8000)
      download.read()
    }
    expect(controller.aborted).toBe('CLIENT_TOO_SLOW')
    expect(seconds).toBe(16)
  })

  it('is the client alone to wait for once the service has sent all of it', () => {
    const { controller, download } = begin()
    download.feed(piece)
    download.complete()
    vi.advanceTimersByTime(3_600_000)
    expect(controller.aborted).toBeUndefined()
    expect(download.destroyed).toBe(false)
  })
})
