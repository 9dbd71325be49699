import type { OutageListener } from './breaker.ts'
import { MemcachedStore } from './memcached-store.ts'
import { RedisStore } from './redis-store.ts'
import type { SharedStore } from './shared-store.ts'
import type { StoreOptions } from './store-options.ts'

/** Opens the shared store that the options name; undefined: quotas live in this process alone. */
export function openStore(
  { redis, memcached, prefix, timeoutMs }: StoreOptions & { readonly prefix: string; readonly timeoutMs: number },
  clock: () => number,
  listener: OutageListener,
): SharedStore | undefined {
  if (redis !== undefined) {
    const store = new RedisStore({ client: redis, prefix, timeoutMs, clock, ...listener })
    store.greet()
    return store
  }
  if (memcached === undefined) return undefined
  const timeOfDay = (): number => Date.now()
  return new MemcachedStore({ client: memcached, prefix, timeoutMs, clock, timeOfDay, ...listener })
}
