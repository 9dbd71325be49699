import { defineEvents, type Events } from '@portcullis/kernel'

/** What the room reports. */
export const events: Events<
  | 'rate-limit.exceeded'
  | 'rate-limit.nearing'
  | 'rate-limit.denied'
  | 'rate-limit.misconfigured'
  | 'rate-limit.banned'
  | 'rate-limit.brute-force-suspected'
  | 'rate-limit.rejected'
  | 'rate-limit.overflowed'
  | 'rate-limit.store-unavailable'
  | 'rate-limit.closed'
> = defineEvents({
  'rate-limit.exceeded': {
    severity: 'warning',
    meaning: 'A caller had spent its quota. Detail: `policy`, and `key`, a hash of whom the quota belongs to.',
  },
  'rate-limit.nearing': {
    severity: 'info',
    meaning:
      'No more than the share `nearing` of a quota is left. Raised once per window and caller. Detail: `policy`, `key`, `limit`, `remaining`.',
  },
  'rate-limit.denied': { severity: 'warning', meaning: 'The caller’s address is on the list `deny`.' },
  'rate-limit.misconfigured': {
    severity: 'critical',
    meaning:
      'A function of a policy gave a limit or a cost that is none, and the request was refused. Detail: `policy`.',
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
  'rate-limit.rejected': {
    severity: 'warning',
    meaning: 'A request to a guarded route named its account by a list, an object or endless text.',
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
