import { defineEvents, type Events } from '@portcullis/kernel'

/** What the room reports. */
export const events: Events<
  'rate-limit.exceeded' | 'rate-limit.overflowed' | 'rate-limit.store-unavailable' | 'rate-limit.closed'
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
  'rate-limit.store-unavailable': {
    severity: 'critical',
    meaning: 'The shared store does not answer. Raised once per outage. Detail: `reason`, `onStoreError`.',
  },
  'rate-limit.closed': {
    severity: 'warning',
    meaning: 'A request was refused because the shared store does not answer and `onStoreError` is `closed`.',
  },
})
