import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

cryptoProvider.set(webcrypto as never)

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const usages = ['sign', 'verify'] as const
const day = 86_400_000

/** A certificate authority for one test. */
export interface TestAuthority {
  readonly ca: string
  issue(host: string, validity?: { notBefore?: Date; notAfter?: Date }): Promise<{ cert: string; key: string }>
}

/** Makes an authority, and certificates for hosts. */
export async function createAuthority(): Promise<TestAuthority> {
  const { subtle } = webcrypto
  const keys = (await subtle.generateKey(algorithm, true, usages)) as never
  const dates = { notBefore: new Date(Date.now() - day), notAfter: new Date(Date.now() + day) }
  const root = await X509CertificateGenerator.createSelfSigned({
    ...dates,
    serialNumber: '01',
    name: 'CN=Test authority',
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create((keys as { publicKey: never }).publicKey),
    ],
  })
  return {
    ca: root.toString('pem'),
    async issue(host, validity = {}) {
      const own = (await subtle.generateKey(algorithm, true, usages)) as { publicKey: never; privateKey: never }
      const leaf = await X509CertificateGenerator.create({
        ...dates,
        ...validity,
        serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(8))).toString('hex'),
        subject: `CN=${host}`,
        issuer: root.subject,
        publicKey: own.publicKey,
        signingKey: (keys as { privateKey: never }).privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          new SubjectAlternativeNameExtension([{ type: 'dns', value: host }]),
          await AuthorityKeyIdentifierExtension.create((keys as { publicKey: never }).publicKey),
          await SubjectKeyIdentifierExtension.create(own.publicKey),
        ],
      })
      const key = PemConverter.encode(await subtle.exportKey('pkcs8', own.privateKey), 'PRIVATE KEY')
      return { cert: leaf.toString('pem'), key }
    },
  }
}
