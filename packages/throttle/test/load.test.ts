import { expect, it } from 'vitest'
import { Load, watchLoop } from '../src/load.ts'
import { closeAll, throttled } from './apps.ts'

it('knows the mean delay of the last sample, without what looking itself takes', () => {
  let now = 0
  let reset = 0
  const monitor = { mean: Number.NaN, reset: () => void reset++ }
  const load = new Load(monitor, 10, 500, () => now)
  load.sample()
  expect(load.delayMs()).toBe(0)
  monitor.mean = 310e6
  now = 500
  load.sample()
  expect([load.delayMs(), reset]).toEqual([300, 2])
  monitor.mean = 10.2e6
  now = 1000
  load.sample()
  expect(load.delayMs()).toBeCloseTo(0.2)
})

it('counts a loop that is too late to sample as late', () => {
  let now = 0
  const load = new Load({ mean: 10e6, reset() {} }, 10, 500, () => now)
  now = 500
  expect(load.delayMs()).toBe(0)
  now = 2500
  expect(load.delayMs()).toBe(2000)
  load.sample()
  expect(load.delayMs()).toBe(0)
})

it('refuses with 503 while the event loop is blocked, but for exempt routes', async () => {
  const app = await throttled({ shed: { eventLoopDelayMs: 50, retryAfter: 7 } })
  app.get('/', async () => 'ok')
  app.get('/health', { config: { security: { throttle: { shed: false } } } }, async () => 'ok')
  await app.ready()
  expect((await app.inject('/')).statusCode).toBe(200)
  const end = performance.now() + 700
  while (performance.now() < end);
  const [refused, health] = await Promise.all([app.inject('/'), app.inject('/health')])
  expect([refused.statusCode, refused.headers['retry-after'], health.statusCode]).toEqual([503, '7', 200])
  expect(refused.json()).toMatchObject({
    code: 'PTC_THROTTLE_OVERLOADED',
    error: 'The service is overloaded. Try again in 7 seconds.',
  })
  await closeAll()
})

it('leaves nothing running when it is stopped', () => {
  const timers = () => process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length
  const before = timers()
  watchLoop(() => performance.now()).stop()
  expect(timers()).toBe(before)
})
