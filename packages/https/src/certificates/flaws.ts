import { createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { isWeaklySigned, readChain, type Material } from './chain.ts'

/** What is wrong with a key or its certificates. */
export interface Flaw {
  /** Short name of the broken rule, such as `expired`. */
  readonly rule: string
  readonly about: 'key' | 'certificate'
  /** What is wrong, after "the private key" or "the certificate". */
  readonly message: string
  /** It may pass by itself: a file of a pair that is still being written. */
  readonly passing?: boolean
  /** `dangerouslyAllowUntrustedCertificates` lets it be. */
  readonly lenient?: boolean
}

/** The outcome of an examination: certificates, leaf first, unless they could not even be read. */
export interface Examination {
  readonly chain: readonly X509Certificate[]
  readonly flaws: readonly Flaw[]
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const ANY_PURPOSE = '2.5.29.37.0'
/** RFC 9325 §4.5. */
const RSA_BITS = 2048
const EC_BITS = 256

/** Examines a pair before it is served: at boot, and before every swap. */
export function examine(material: Material, now: number, allowUntrusted = false): Examination {
  let chain: X509Certificate[]
  let secret: KeyObject
  try {
    chain = readChain(material.cert)
  } catch {
    chain = []
  }
  const leaf = chain[0]
  if (leaf === undefined) return { chain: [], flaws: [unreadable('certificate', 'is not PEM, or damaged')] }
  try {
    const { key, passphrase } = material
    secret = createPrivateKey({ key, format: 'pem', ...(passphrase === undefined ? {} : { passphrase }) })
  } catch {
    return { chain, flaws: [unreadable('key', 'is not PEM, or damaged, or its passphrase is wrong')] }
  }
  const flaws: Flaw[] = []
  if (!leaf.checkPrivateKey(secret)) {
    flaws.push({ ...unreadable('key', 'does not belong to the certificate'), rule: 'key-mismatch' })
  }
  chain.forEach((one, index) => flaws.push(...own(one, index, now), ...link(one, chain[index + 1], index)))
  return { chain, flaws: allowUntrusted ? flaws.filter(({ lenient }) => lenient !== true) : flaws }
}

const unreadable = (about: Flaw['about'], message: string): Flaw => ({
  rule: `${about}-unreadable`,
  about,
  message,
  passing: true,
})

/** What is wrong with one certificate of a chain. */
function own(one: X509Certificate, index: number, now: number): Flaw[] {
  const flaws: Flaw[] = []
  const name = index === 0 ? '' : `number ${index + 1} of the chain `
  const flaw = (rule: string, message: string, lenient = true): void => {
    flaws.push({ rule, about: 'certificate', message: name + message, lenient })
  }
  if (now > one.validToDate.getTime()) flaw('expired', `expired on ${one.validToDate.toISOString()}`)
  if (now < one.validFromDate.getTime()) flaw('not-yet-valid', `is valid from ${one.validFromDate.toISOString()} on`)
  const weakness = weakKey(one.publicKey)
  if (weakness !== undefined) {
    if (index > 0) flaw('weak-key', `holds ${weakness}`)
    else flaws.push({ rule: 'weak-key', about: 'key', message: `is ${weakness}`, lenient: true })
  }
  const selfSigned = one.checkIssued(one) && one.verify(one.publicKey)
  // A root signs itself, and nobody looks at that signature.
  if (isWeaklySigned(one) && !(selfSigned && index > 0)) flaw('weak-signature', 'is signed over SHA-1 or MD5')
  if (index > 0) return flaws
  if (selfSigned) flaw('self-signed', 'is self-signed: no client has a reason to trust it')
  const purposes = one.keyUsage as string[] | undefined
  if (purposes !== undefined && !purposes.includes(SERVER_AUTH) && !purposes.includes(ANY_PURPOSE)) {
    flaw('not-for-servers', 'is not for servers (extended key usage)', false)
  }
  return flaws
}

/** RFC 8446 §4.4.2: each certificate certifies the one before it. */
function link(one: X509Certificate, issuer: X509Certificate | undefined, index: number): Flaw[] {
  if (issuer === undefined || (one.checkIssued(issuer) && issuer.ca && one.verify(issuer.publicKey))) return []
  return [
    {
      rule: 'chain-order',
      about: 'certificate',
      message: `number ${index + 1} of the chain is not signed by number ${index + 2}: the leaf comes first, then its issuer, and so on`,
    },
  ]
}

function weakKey({ asymmetricKeyType: type, asymmetricKeyDetails: details = {} }: KeyObject): string | undefined {
  if (type === 'rsa' || type === 'rsa-pss') {
    const bits = details.modulusLength ?? 0
    return bits < RSA_BITS ? `an RSA key of less than ${RSA_BITS} bits` : undefined
  }
  if (type === 'ec') {
    const bits = Number(/\d{3}/.exec(details.namedCurve ?? '')?.[0] ?? 0)
    return bits < EC_BITS ? `an elliptic-curve key of less than ${EC_BITS} bits` : undefined
  }
  return type === 'dsa' ? 'a DSA key' : undefined
}
