import { PassThrough } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it, vi } from 'vitest'
import { BodyRates } from '../src/body-rate.ts'
import { type Received, receive } from '../src/receive.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const rates = new BodyRates({ now: () => 0, soon() {}, every: () => () => {} })

it('a body in a thousand pieces does not hold on to what they were read with', async () => {
  const source = new PassThrough()
  const received = new Promise<Received>((done) =>
    receive(source, { limit: 10_000, rate: null, length: NaN }, rates, done),
  )
  collect()
  const before = process.memoryUsage().arrayBuffers
  for (let at = 0; at < 1000; at++) {
    // A socket reads up to 64 KiB, and one byte may be all there is.
    source.write(Buffer.alloc(65_536, 'x').subarray(0, 1))
    await new Promise(setImmediate)
  }
  // What a collection finds is freed a little later.
  await vi.waitFor(() => {
    collect()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
  })
  source.end()
  expect(await received).toMatchObject({ body: Buffer.alloc(1000, 'x'), fault: null, received: 1000 })
})

it('a body beyond its limit is told with all that came', async () => {
  const source = new PassThrough()
  const received = new Promise<Received>((done) => receive(source, { limit: 3, rate: null, length: NaN }, rates, done))
  source.write('ab')
  source.write('cde')
  expect(await received).toMatchObject({ body: Buffer.from('abcde'), fault: 'too-large', received: 5 })
})
