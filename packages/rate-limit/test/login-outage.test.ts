import { describe, expect, it } from 'vitest'
import type { RateLimitOptions } from '../src/index.ts'
import { loginApp, secret } from './login-app.ts'

/** A client of a Redis that is not there. */
const away = {
  status: 'ready',
  evalsha: () => Promise.reject(new Error('away')),
  eval: () => Promise.reject(new Error('away')),
} as unknown as NonNullable<RateLimitOptions['store']>['redis'] & object

const attempts = async (onStoreError: 'local' | 'closed' | 'open'): Promise<number[]> => {
  const { app, attempt } = await loginApp({ perPair: 2 }, { store: { redis: away }, onStoreError })
  app.log.level = 'silent'
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push((await attempt('alice@example.com', 'guess')).statusCode)
  statuses.push((await attempt('bob@example.com', secret)).statusCode)
  return statuses
}

describe('a login guard whose store is away', () => {
  it.each([
    ['counts in this process', 'local', [401, 401, 429, 429, 401]],
    ['refuses', 'closed', [503, 503, 503, 503, 503]],
    ['lets pass', 'open', [401, 401, 401, 401, 401]],
  ] as const)('%s where `onStoreError` says so', async (_, onStoreError, statuses) => {
    expect(await attempts(onStoreError)).toEqual(statuses)
  })
})
