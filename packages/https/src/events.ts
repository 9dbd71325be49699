import { defineEvents, type Events } from '@portcullis/kernel'

/** The events of this room. */
export const events: Events<'https.redirected' | 'https.refused' | 'https.credential-exposed'> = defineEvents({
  'https.redirected': {
    severity: 'info',
    meaning: 'A plaintext GET or HEAD without a credential was sent to the same path on TLS.',
  },
  'https.refused': {
    severity: 'warning',
    meaning: 'A plaintext request that no redirect can protect was refused.',
  },
  'https.credential-exposed': {
    severity: 'critical',
    meaning:
      'A credential crossed the network in the clear. `detail.credentials` lists each with its field and the SHA-256 ' +
      'of its value (no hash for Basic and Digest: passwords are guessable): find it and revoke it.',
  },
})
