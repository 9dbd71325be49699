import { RedisServer } from '@portcullis/testing/redis'
import type { Figure, Size } from '../proof.ts'
import { LimitedProcesses } from '../test/limited-processes.ts'

const algorithms = ['fixed-window', 'sliding-window', 'token-bucket', 'leaky-bucket'] as const

/** Several processes over one Redis ask at once, and together are given exactly the limit. */
export async function prove(size: Size): Promise<Figure[]> {
  const full = size === 'full'
  const requests = full ? 2000 : 400
  const limit = requests / 4
  const server = await RedisServer.start()
  const admin = server.client()
  const figures: Figure[] = []
  try {
    for (const count of full ? [1, 2, 4] : [2]) {
      const processes = await LimitedProcesses.start(count, 'single', [server.port])
      try {
        for (const algorithm of algorithms) {
          // So long a window that nothing comes back meanwhile.
          const policy = { name: 'q', algorithm, limit, window: 31_536_000 }
          const flushing = setInterval(() => void admin.script('FLUSH'), 5)
          const burst = { prefix: `${count}${algorithm}:`, policy, requests, callers: 1 }
          const { admitted, others } = await processes.burst(burst)
          clearInterval(flushing)
          figures.push({
            name: `${algorithm}: admitted of ${requests} at once over ${count} processes, scripts flushed meanwhile`,
            figure: others === 0 ? String(admitted) : `${admitted}, and ${others} neither 200 nor 429`,
            bound: String(limit),
            ok: admitted === limit && others === 0,
          })
        }
      } finally {
        processes.stop()
      }
    }
  } finally {
    await server.stop()
  }
  return figures
}
