import { defineEvents, type Events } from '@portcullis/kernel'

/** The room's events, by type. Details carry a reason, a scheme, a subject: never a credential. */
export const events: Events<
  'auth.challenged' | 'auth.failed' | 'auth.forbidden' | 'auth.interrupted' | 'auth.revoked'
> = defineEvents({
  'auth.challenged': { severity: 'info', meaning: 'A caller was asked to authenticate, or a known one to do it anew.' },
  'auth.failed': { severity: 'warning', meaning: 'A credential was presented and refused; `detail.reason` says why.' },
  'auth.forbidden': { severity: 'warning', meaning: 'A known caller asked for something it may not use.' },
  'auth.interrupted': {
    severity: 'critical',
    meaning: 'What decides is away: a look-up failed or timed out, keys or revocations could not be fetched.',
  },
  'auth.revoked': { severity: 'info', meaning: 'A token, or all tokens of a subject, were revoked.' },
})
