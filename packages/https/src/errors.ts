import { defineErrors, type Refusal } from '@portcullis/kernel'
import { events } from './events.ts'

const table = {
  PTC_HTTPS_REQUIRED: {
    status: 403,
    sentence: 'This API answers over https only.',
    event: events['https.refused'],
    meaning:
      'The request came over plaintext and is not a GET or HEAD, or asks for a WebSocket, or the mode is not `redirect`.',
  },
  PTC_HTTPS_CREDENTIAL_EXPOSED: {
    status: 403,
    sentence: 'This API answers over https only. The credential in this request was exposed: replace it.',
    event: events['https.credential-exposed'],
    meaning:
      'The request came over plaintext and carries a credential: following a redirect would hide that it leaked.',
  },
  PTC_HTTPS_MISDIRECTED: {
    status: 421,
    sentence: 'This connection is for another host. Open one for the host of the request.',
    event: events['https.misdirected'],
    meaning: 'An HTTP/2 request is for another host than the one that its TLS handshake asked for (RFC 9110 §15.5.20).',
  },
  PTC_HTTPS_CLIENT_CERTIFICATE_REFUSED: {
    status: 403,
    sentence: 'This API does not admit the certificate of the client.',
    event: events['https.client-certificate-refused'],
    meaning: "A client's certificate is missing, not trusted or not allowed. Mostly its connection is closed before.",
  },
  PTC_HTTPS_CLIENT_AUTHORITY_UNUSABLE: {
    boot: 'the certificates of the authorities that vouch for clients (clientCertificates) %s',
    meaning: 'They cannot be read, have expired, or may not sign.',
  },
  PTC_HTTPS_OUTBOUND_PLAINTEXT: {
    boot: 'secureDispatcher() does not send to %s: it speaks https only',
    meaning: 'Thrown to the caller of a request whose URL, or redirect, leads to plaintext.',
  },
  PTC_HTTPS_OUTBOUND_AUTHORITY_UNUSABLE: {
    boot: 'the certificates that secureDispatcher() should trust (ca) %s',
    meaning: 'They cannot be read, have expired, or may not sign.',
  },
  PTC_HTTPS_UNREACHABLE: {
    boot: 'this app can never see TLS: it has no TLS server and trusts no proxy to say that one stands in front. Write one of%s',
    meaning: 'The room was registered on an app on which every request would be plaintext.',
  },
  PTC_HTTPS_PLAINTEXT_UNAVAILABLE: {
    boot: 'the plaintext listener cannot listen on %s port %s (%s). Free the port, or change or remove the plaintext option.',
    meaning: '`app.listen` fails because the plaintext port is taken or not allowed.',
  },
  PTC_HTTPS_PLAINTEXT_DUPLICATE: {
    boot: 'this app already has a plaintext listener. Remove the plaintext option from the inner registration.',
    meaning: 'Two registrations of one app want a plaintext listener; one serves the whole app.',
  },
  PTC_HTTPS_KEY_UNUSABLE: {
    boot: 'the private key %s',
    meaning: 'The private key cannot be read, is too weak, or does not belong to the certificate.',
  },
  PTC_HTTPS_CERTIFICATE_UNUSABLE: {
    boot: 'the certificate %s',
    meaning:
      'The certificate cannot be read, is not valid now, is self-signed, weak or signed over SHA-1, or its chain is ' +
      'out of order.',
  },
  PTC_HTTPS_CERTIFICATE_UNAVAILABLE: {
    boot: 'the source of the certificate%s gave none: %s',
    meaning: 'A source that is asked at boot, such as `load`, failed, or returned a certificate that cannot be served.',
  },
  PTC_HTTPS_ACME_CLIENT_MISSING: {
    boot: 'certificates over ACME need the package acme-client. Run npm install acme-client',
    meaning: '`acme` is set, and its optional package is not installed.',
  },
  PTC_HTTPS_ACME_UNPROVABLE: {
    boot: 'no ACME authority could check who we are: %s. Write %s',
    meaning: 'ACME proves names over HTTP-01: it needs a name, and the plaintext listener.',
  },
  PTC_HTTPS_KEY_EXPOSED: {
    boot: '%s can be read by other users of this machine. Delete it, so that a new one is made, or run chmod 600 on it if nobody did.',
    meaning:
      'A key that this package keeps on disk (development CA, ACME) is readable by others; whoever read it can ' +
      'impersonate your hosts.',
  },
  PTC_HTTPS_DEVELOPMENT_HOST_REFUSED: {
    boot:
      '%s cannot be in a development certificate: %s. The development CA vouches only for localhost, names under ' +
      '.localhost, .test, .local, .internal, .example and .home.arpa, and loopback and private addresses.',
    meaning: 'A development certificate was asked for a name that could belong to somebody else.',
  },
} as const

/** The smallest configurations that are right, for `PTC_HTTPS_UNREACHABLE`. */
export const reachable: string = `
  Fastify({ https: tlsServerOptions({ keyFile: 'server.key', certFile: 'server.pem' }) })
  Fastify(serverOptions({ trustProxy: 'loopback' }))   // or your proxy's address; it must set X-Forwarded-Proto`

/** The errors of this room: two refusals, the rest at boot. */
export const errors: ReturnType<typeof defineErrors<typeof table>> = defineErrors(table)

/** The refusal of a credential whose exposure was told before: the same to the client, and no second report. */
export const exposedBefore: Refusal = retold(errors.PTC_HTTPS_CREDENTIAL_EXPOSED, events['https.refused'])

function retold(refusal: Refusal, event: Refusal['event']): Refusal {
  return Object.assign(Object.create(Object.getPrototypeOf(refusal) as object), refusal, { event }) as Refusal
}
