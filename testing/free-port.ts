import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'

const FIRST = 10_000
const COUNT = 10_000

/**
 * A port on loopback that nobody listens on. Systems hand out ports above 32,767 by themselves, to whoever connects or
 * listens anywhere: one of those could be gone before its server is up, or while a test has stopped it.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + randomInt(COUNT)
    const probe = createServer()
    try {
      await once(probe.listen(port, '127.0.0.1'), 'listening')
    } catch {
      continue
    }
    probe.close()
    await once(probe, 'close')
    return port
  }
}
