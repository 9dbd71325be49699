import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Upload } from '../src/bodies.ts'
import { Silence, type TimeLimits } from '../src/silence.ts'

const LIMITS: TimeLimits = { headers: 1000, deadline: null, body: 300 }

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => vi.useRealTimers())

function watch(limits: Partial<TimeLimits> = {}, upload: Upload | null = null) {
  const heard: unknown[] = []
  const watched = { heldUntil: 0, tooLate: (error: NodeJS.ErrnoException) => void heard.push(error.code) }
  return { silence: new Silence({ ...LIMITS, ...limits }, upload, watched), watched, heard }
}

/** Time as timers know it, and what sockets have brought meanwhile. */
const pass = async (ms: number): Promise<void> => {
  await vi.advanceTimersByTimeAsync(ms)
  await new Promise(setImmediate)
}

it('is as long as the answer may take, from when the request goes out', async () => {
  const { silence, heard } = watch()
  await pass(900)
  silence.asked()
  await pass(999)
  expect(heard).toEqual([])
  await pass(1)
  expect(heard).toEqual(['UND_ERR_HEADERS_TIMEOUT'])
  await pass(5000)
  expect(heard).toHaveLength(1)
})

it('does not count while it connects, which has a time of its own, and begins anew with each attempt', async () => {
  const { silence, heard } = watch()
  await pass(2500)
  silence.asked()
  await pass(600)
  silence.connecting()
  await pass(600)
  silence.asked()
  await pass(999)
  expect(heard).toEqual([])
  await pass(1)
  expect(heard).toHaveLength(1)
})

it('counts from the start under a deadline, whatever the attempts', async () => {
  const { silence, heard } = watch({ deadline: 500 })
  await pass(200)
  silence.asked()
  silence.connecting()
  await pass(299)
  expect(heard).toEqual([])
  await pass(1)
  expect(heard).toEqual(['UND_ERR_HEADERS_TIMEOUT'])
})

it('is counted between two pieces of an answer, not while the service waits for the client', async () => {
  const { silence, watched, heard } = watch()
  silence.asked()
  for (let piece = 0; piece < 10; piece++) {
    silence.answering()
    await pass(290)
  }
  watched.heldUntil = Infinity
  await pass(10_000)
  expect(heard).toEqual([])
  watched.heldUntil = performance.now()
  await pass(299)
  expect(heard).toEqual([])
  await pass(1)
  expect(heard).toEqual(['UND_ERR_BODY_TIMEOUT'])
})

it('is over at the end', async () => {
  const { silence, heard } = watch()
  silence.asked()
  silence.answering()
  silence.stop()
  await pass(5000)
  expect(heard).toEqual([])
})

it('waits for a client that is slow with its body, and counts from its end', async () => {
  const source = new PassThrough()
  const upload = new Upload(source, 1_000_000)
  const { silence, heard } = watch({ deadline: 500 }, upload)
  upload.resume()
  silence.asked()
  for (let piece = 0; piece < 10; piece++) {
    source.write('a')
    await pass(800)
  }
  expect(heard).toEqual([])
  source.end()
  await pass(490)
  expect(heard).toEqual([])
  await pass(20)
  expect(heard).toEqual(['UND_ERR_HEADERS_TIMEOUT'])
})

it('counts while the service does not take the body that is there', async () => {
  const source = new PassThrough()
  const upload = new Upload(source, 1_000_000)
  const { silence, heard } = watch({}, upload)
  silence.asked()
  source.write('taken')
  await pass(700)
  upload.read()
  await pass(700)
  expect(heard).toEqual([])
  source.write('not taken')
  await pass(900)
  expect(heard).toEqual([])
  await pass(1100)
  expect(heard).toEqual(['UND_ERR_HEADERS_TIMEOUT'])
})

it('is not heard where it was this process that slept', async () => {
  vi.useRealTimers()
  const { silence, heard } = watch({ headers: 30 })
  silence.asked()
  setImmediate(() => {
    // What the service sent meanwhile is read right after.
    setImmediate(() => silence.answering())
    const until = performance.now() + 60
    while (performance.now() < until) {
      // Busy.
    }
  })
  await vi.waitFor(() => expect(heard).toEqual(['UND_ERR_BODY_TIMEOUT']))
})
