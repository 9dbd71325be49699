import { defineEvents, type Events } from '@portcullis/kernel'

/** What the room reports. */
export const events: Events<'rate-limit.exceeded' | 'rate-limit.store-unavailable' | 'rate-limit.closed'> =
  defineEvents({
    'rate-limit.exceeded': {
      severity: 'warning',
      meaning: 'A caller had spent its quota. Detail: `policy`, and `key`, a hash of whom the quota belongs to.',
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
