import { defineEvents, type Events } from '@portcullis/kernel'

/** The events of this room. */
export const events: Events<
  | 'https.redirected'
  | 'https.refused'
  | 'https.credential-exposed'
  | 'https.misdirected'
  | 'https.client-certificate-refused'
  | 'https.certificate-replaced'
  | 'https.certificate-rejected'
  | 'https.certificate-failed'
  | 'https.certificate-expiring'
  | 'https.certificate-expired'
> = defineEvents({
  'https.redirected': {
    severity: 'info',
    meaning: 'A plaintext GET or HEAD without a credential was sent to the same path on TLS.',
  },
  'https.refused': {
    severity: 'warning',
    meaning: 'A plaintext request that no redirect can protect was refused, or one whose credential was told before.',
  },
  'https.credential-exposed': {
    severity: 'critical',
    meaning:
      'A credential crossed the network in the clear. `detail.credentials` lists each with its field and the SHA-256 ' +
      'of its value (no hash for Basic and Digest: passwords are guessable): find it and revoke it. Told once a credential.',
  },
  'https.misdirected': {
    severity: 'info',
    meaning: 'An HTTP/2 request was for another host than its connection. Browsers repeat it on a new one.',
  },
  'https.client-certificate-refused': {
    severity: 'warning',
    meaning:
      'A client has no certificate (`detail.refused`: `missing`), one that is not trusted (`untrusted`), or one ' +
      'without an allowed name (`not-allowed`). `detail`: remoteAddress, and what is known of it.',
  },
  'https.certificate-replaced': {
    severity: 'info',
    meaning: 'A new certificate took the place of the old one. `detail`: names, end, fingerprint, source.',
  },
  'https.certificate-rejected': {
    severity: 'critical',
    meaning: 'A new certificate is bad, and the old one goes on. `detail.reason` says why; told once a certificate.',
  },
  'https.certificate-failed': {
    severity: 'warning',
    meaning: 'A source could not fetch a certificate, and will try again. `detail.reason` says why.',
  },
  'https.certificate-expiring': {
    severity: 'warning',
    meaning: "A third of the certificate's lifetime is left, and nothing has taken its place.",
  },
  'https.certificate-expired': {
    severity: 'critical',
    meaning: 'The certificate that is served has expired: clients refuse it.',
  },
})
