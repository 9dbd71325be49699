import { defineEvents, type Events } from '@portcullis/kernel'

/** The room's events, by type. Details name subjects and sessions: never a password, a token or a key. */
export const events: Events<
  | 'issuer.signed-in'
  | 'issuer.stepped-up'
  | 'issuer.refreshed'
  | 'issuer.signed-out'
  | 'issuer.rejected'
  | 'issuer.reused'
  | 'issuer.overloaded'
  | 'issuer.interrupted'
  | 'issuer.rotated'
> = defineEvents({
  'issuer.signed-in': { severity: 'info', meaning: 'A session began.' },
  'issuer.stepped-up': { severity: 'info', meaning: 'A signed-in user gave the password again.' },
  'issuer.refreshed': { severity: 'info', meaning: 'A refresh token was exchanged for its successor.' },
  'issuer.signed-out': { severity: 'info', meaning: 'Sessions were ended: by log-out, everywhere, or by the account.' },
  'issuer.rejected': {
    severity: 'warning',
    meaning: 'A password, a new password or a refresh token was refused; `detail.reason` says why.',
  },
  'issuer.reused': {
    severity: 'critical',
    meaning:
      'A refresh token came back after its successor was given out: it is in two hands, and its session was ended.',
  },
  'issuer.overloaded': { severity: 'warning', meaning: 'More passwords waited to be hashed than the queue holds.' },
  'issuer.interrupted': { severity: 'critical', meaning: 'The store, the account look-up or the revocation failed.' },
  'issuer.rotated': { severity: 'info', meaning: 'Another key signs from now on.' },
})
