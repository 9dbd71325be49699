import { createPrivateKey, KeyObject, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import type * as X509 from '@peculiar/x509'
import { nameConstraints } from './name-constraints.ts'

/** A key and its certificate, both PEM. */
export interface KeyAndCertificate {
  readonly key: string
  readonly cert: string
}

const DAY = 86_400_000
/** Days a development CA lives. */
export const CA_DAYS = 1825
/** Days a leaf lives: below the 398 that clients accept. */
export const LEAF_DAYS = 90
/** A leaf with fewer days left is replaced. */
export const RENEWAL_DAYS = 30

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const OID_NAME_CONSTRAINTS = '2.5.29.30'

/** Loaded when a certificate is made, so that production never loads it. */
async function loadX509(): Promise<typeof X509> {
  await import('reflect-metadata')
  return import('@peculiar/x509')
}

/** Makes a development CA: ECDSA P-256, SHA-256, no intermediates, bound to development names. */
export async function makeAuthority(now: Date): Promise<KeyAndCertificate> {
  const x509 = await loadX509()
  const keys = await makeKeys()
  const cert = await x509.X509CertificateGenerator.createSelfSigned(
    {
      // A serial in the name keeps two CAs of one developer apart in a trust store.
      name: `O=Portcullis, CN=Portcullis development CA ${serial().slice(0, 8)}`,
      serialNumber: serial(),
      ...validity(now, CA_DAYS),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        // RFC 5280 §4.2.1.9, §4.2.1.3: critical in a CA.
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
        await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey),
        new x509.Extension(OID_NAME_CONSTRAINTS, true, nameConstraints()),
      ],
    },
    webcrypto as never,
  )
  return pem(keys, cert)
}

/** Makes a leaf for hosts that `refusedHost` has passed. */
export async function makeLeaf(
  authority: KeyAndCertificate,
  hosts: readonly string[],
  now: Date,
): Promise<KeyAndCertificate> {
  const x509 = await loadX509()
  const issuer = new x509.X509Certificate(authority.cert)
  const keys = await makeKeys()
  const { notBefore, notAfter } = validity(now, LEAF_DAYS)
  const extensions: X509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    new x509.SubjectAlternativeNameExtension(hosts.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }))),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
  ]
  const cert = await x509.X509CertificateGenerator.create(
    {
      // No host in the common name: clients read the subject alternative names only (RFC 9525 §2).
      subject: 'O=Portcullis, CN=Portcullis development server',
      issuer: issuer.subject,
      serialNumber: serial(),
      notBefore,
      notAfter: notAfter < issuer.notAfter ? notAfter : issuer.notAfter,
      publicKey: keys.publicKey,
      signingKey: await importKey(authority.key),
      signingAlgorithm: ALGORITHM,
      extensions,
    },
    webcrypto as never,
  )
  return pem(keys, cert)
}

function validity(now: Date, days: number): { notBefore: Date; notAfter: Date } {
  // An hour back: clocks of containers and browsers differ.
  return { notBefore: new Date(now.getTime() - 3_600_000), notAfter: new Date(now.getTime() + days * DAY) }
}

/** RFC 5280 §4.1.2.2: positive, at most 20 octets; 126 random bits. */
function serial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16))
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40
  return Buffer.from(bytes).toString('hex')
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
}

async function importKey(key: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(key).export({ type: 'pkcs8', format: 'der' })
  return (await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])) as webcrypto.CryptoKey
}

function pem(keys: webcrypto.CryptoKeyPair, cert: X509.X509Certificate): KeyAndCertificate {
  const key = KeyObject.from(keys.privateKey as never).export({ type: 'pkcs8', format: 'pem' }) as string
  return { key, cert: `${cert.toString('pem')}\n` }
}
