import { emit } from '@portcullis/kernel'
import { events } from '../events.ts'
import type { LoginGuardParts } from './login-guard.ts'

/** Raises the event of a suspicion. */
export function suspicionEvents(guard: string, reportOnly: boolean): LoginGuardParts['onSuspicion'] {
  const outcome = reportOnly ? 'observed' : 'denied'
  return (request, held, { attempts, accounts, addresses }) =>
    emit(request, events['rate-limit.brute-force-suspected'], {
      outcome,
      detail: { guard, held, attempts, accounts, addresses },
    })
}
