import { X509Certificate } from 'node:crypto'

/** A private key and the certificates that belong to it, PEM. */
export interface Material {
  readonly key: string | Buffer
  /** The leaf, followed by its intermediates. */
  readonly cert: string | Buffer
  readonly passphrase?: string
}

// RFC 7468 §5.1, and the label of old OpenSSL.
const BLOCK = /-----BEGIN (?:X509 )?CERTIFICATE-----[\s\S]+?-----END (?:X509 )?CERTIFICATE-----/g

/**
 * The certificates of a PEM text, in its order.
 * @throws if one is damaged, or the last one is cut short
 */
export function readChain(cert: string | Buffer): X509Certificate[] {
  const text = cert.toString('latin1' as BufferEncoding)
  const blocks = text.match(BLOCK) ?? []
  if (blocks.length !== text.split(/-----BEGIN (?:X509 )?CERTIFICATE-----/).length - 1) throw new Error('cut short')
  return blocks.map((block) => new X509Certificate(block))
}

/** OIDs of signatures over MD2, MD4, MD5 and SHA-1, as hexadecimal DER content (RFC 8017 §A.2.4, RFC 5758, RFC 3279). */
const WEAK = new Set([
  ...['02', '03', '04', '05'].map((last) => `2a864886f70d0101${last}`),
  '2a8648ce3d0401',
  '2a8648ce380403',
  '2b0e03021d',
  '2b0e03020f',
])
const RSASSA_PSS = '2a864886f70d01010a'
/** The arc of SHA-2 and SHA-3. */
const STRONG_HASHES = '6086480165030402'

/** Whether a certificate is signed over a hash for which collisions can be made (RFC 9155, RFC 6151). */
export function isWeaklySigned({ raw }: X509Certificate): boolean {
  // RFC 5280 §4.1: SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID, parameters }, signature }
  const outer = element(raw, 0)
  const tbs = element(raw, outer.start)
  const algorithm = element(raw, tbs.end)
  const oid = element(raw, algorithm.start)
  const name = raw.toString('hex', oid.start, oid.end)
  // RFC 4055 §3.1: without parameters, RSASSA-PSS is over SHA-1.
  if (name === RSASSA_PSS) return !raw.toString('hex', oid.end, algorithm.end).includes(STRONG_HASHES)
  return WEAK.has(name)
}

/** Where the content of the DER element at an offset starts and ends. */
function element(der: Buffer, at: number): { start: number; end: number } {
  const first = der[at + 1] ?? 0
  if (first < 0x80) return { start: at + 2, end: at + 2 + first }
  const size = first & 0x7f
  const start = at + 2 + size
  return { start, end: start + der.readUIntBE(at + 2, size) }
}
