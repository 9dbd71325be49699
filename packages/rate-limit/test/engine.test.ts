import type { FastifyReply, FastifyRequest } from 'fastify'
import { expect, it } from 'vitest'
import { openEngine } from '../src/engine.ts'
import { openMemory } from '../src/memory/quota-memory.ts'
import { Penalties } from '../src/penalties/penalties.ts'
import { Limiters } from '../src/limiter.ts'
import { parsePolicy } from '../src/policy.ts'

it('opens windows through @fastify/rate-limit, and waits for nothing within them', async () => {
  let now = 1_000
  const clock = (): number => now
  const engine = await openEngine(clock)
  const limiters = new Limiters({
    engine,
    shared: undefined,
    memory: openMemory(),
    maxKeys: 10,
    apiKeyField: 'x-api-key',
    onStoreError: 'local',
    onWrong: () => undefined,
    penalties: new Penalties(),
    nearing: 0,
    reset: 'unix',
    onOverflow: () => undefined,
    clock,
  })
  const quota = parsePolicy({ name: 'q', limit: 3, window: 60, partitionBy: () => 'somebody' })
  const take = limiters.compile([quota], [quota], false)
  const fields: Record<string, unknown> = {}
  const reply = { header: (name: string, value: unknown) => (fields[name] = value) } as unknown as FastifyReply
  const ask = (): unknown => take({} as FastifyRequest, reply)

  const waited: boolean[] = []
  const codes: unknown[] = []
  for (let i = 0; i < 5; i++) {
    const verdict = ask()
    waited.push(verdict instanceof Promise)
    codes.push(((await verdict) as { code: string } | undefined)?.code)
  }
  now += 60_000
  waited.push(ask() instanceof Promise)
  expect(waited).toEqual([true, false, false, false, false, true])
  expect(codes).toEqual([undefined, undefined, undefined, 'PTC_RATE_LIMIT_EXCEEDED', 'PTC_RATE_LIMIT_EXCEEDED'])
  await Promise.resolve()
  expect(fields['x-ratelimit-limit']).toBeDefined()
})
