import { defineEvents, type Events } from '@portcullis/kernel'

/** What the room reports. */
export const events: Events<
  | 'rate-limit.exceeded'
  | 'rate-limit.banned'
  | 'rate-limit.brute-force-suspected'
  | 'rate-limit.overflowed'
  | 'rate-limit.store-unavailable'
  | 'rate-limit.closed'
> = defineEvents({
  'rate-limit.exceeded': {
    severity: 'warning',
    meaning: 'A caller had spent its quota. Detail: `policy`, and `key`, a hash of whom the quota belongs to.',
  },
  'rate-limit.overflowed': {
    severity: 'critical',
    meaning:
      'Every caller that the memory of a policy holds is being refused, and `store.maxKeys` is reached: newcomers share one quota until somebody’s time is over. Raised once, and again only after there was room. Detail: `policy`, `maxKeys`.',
  },
  'rate-limit.banned': {
    severity: 'warning',
    meaning: 'A ban has begun. Detail: `policy`, `key` (a hash of whom it holds), `seconds`. Raised once a ban.',
  },
  'rate-limit.brute-force-suspected': {
    severity: 'warning',
    meaning:
      'A login guard holds off an account or an address. Detail: `guard`, `held` (`account`, `pair` or `address`), `attempts`, hashes of the `accounts`, and the `addresses` (IPv6 by /64). Raised once per account or address and window.',
  },
  'rate-limit.store-unavailable': {
    severity: 'critical',
    meaning: 'The shared store does not answer. Raised once per outage. Detail: `reason`, `onStoreError`.',
  },
  'rate-limit.closed': {
    severity: 'warning',
    meaning: 'A request was refused because the shared store does not answer and `onStoreError` is `closed`.',
  },
})
