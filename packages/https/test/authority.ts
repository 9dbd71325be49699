import 'reflect-metadata'
import { KeyObject, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import * as x509 from '@peculiar/x509'

const HOUR = 3_600_000
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
}
const PSS = { ...RSA, name: 'RSA-PSS', saltLength: 20 }

export interface Made {
  readonly key: string
  readonly cert: string
  readonly keys: webcrypto.CryptoKeyPair
  readonly issuer: x509.X509Certificate
}

export interface Wanted {
  readonly hosts?: readonly string[]
  readonly by?: Made
  readonly ca?: boolean
  readonly name?: string
  readonly from?: number
  readonly to?: number
  readonly rsa?: number
  readonly pss?: boolean
  readonly hash?: string
  readonly purpose?: string
}

let count = 0

/** Makes a certificate as a test wants it: by an authority, or signed by itself. */
export async function makeCertificate(wanted: Wanted = {}): Promise<Made> {
  const { by, ca = false, hosts = ['localhost', '127.0.0.1'], purpose } = wanted
  const algorithm =
    wanted.rsa === undefined ? { ...EC } : { ...(wanted.pss === true ? PSS : RSA), modulusLength: wanted.rsa }
  const hash = wanted.hash ?? 'SHA-256'
  const keys = (await webcrypto.subtle.generateKey({ ...algorithm, hash } as never, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair
  const signer = by?.keys ?? keys
  const subject = `CN=${wanted.name ?? (ca ? 'Test authority' : 'Test server')} ${++count}`
  const cert = await x509.X509CertificateGenerator.create(
    {
      serialNumber: (0x4000 + count).toString(16),
      subject,
      issuer: by?.issuer.subject ?? subject,
      notBefore: new Date(wanted.from ?? Date.now() - HOUR),
      notAfter: new Date(wanted.to ?? Date.now() + 24 * HOUR),
      publicKey: keys.publicKey as never,
      signingKey: signer.privateKey as never,
      signingAlgorithm: { ...(signer.privateKey.algorithm as object), hash, saltLength: 20 } as never,
      extensions: [
        new x509.BasicConstraintsExtension(ca, undefined, true),
        ...(purpose === undefined ? [] : [new x509.ExtendedKeyUsageExtension([purpose])]),
        ...(ca
          ? []
          : [
              new x509.SubjectAlternativeNameExtension(
                hosts.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const),
              ),
            ]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never),
        await x509.AuthorityKeyIdentifierExtension.create((by?.keys ?? keys).publicKey as never),
      ],
    },
    webcrypto as never,
  )
  return {
    key: KeyObject.from(keys.privateKey as never).export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: `${cert.toString('pem')}\n`,
    keys,
    issuer: cert,
  }
}
