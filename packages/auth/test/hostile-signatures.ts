import { constants, createHmac, sign as signBytes } from 'node:crypto'
import {
  claims,
  ed25519,
  encode,
  es256,
  pem,
  rsa,
  secret,
  signed,
  signers,
  stranger,
  tokenOf,
  withEs256,
  withHs256,
  withPs256,
  withRs256,
} from './forge.ts'

/** Algorithms that the corpus is made for. */
export const ALGORITHMS = ['RS256', 'ES256', 'EdDSA', 'HS256'] as const

export type Attacked = (typeof ALGORITHMS)[number]

/** A token that must not be accepted by a verifier of the algorithm that it was made for. */
export interface Hostile {
  readonly name: string
  readonly token: string
}

/** What only the holders of other keys, or of other algorithms, can sign. */
export function signaturesOf(alg: Attacked): Hostile[] {
  const header = { alg, typ: 'at+jwt' }
  const as = (name: string, signer: (input: string) => Buffer): Hostile => ({
    name,
    token: signed(header, claims, signer),
  })
  const made = [
    as('signed by HMAC with the public PEM', withHs256(pem)),
    as('signed by HMAC with nothing', withHs256('')),
    as('signed by HMAC with a secret of everybody', withHs256('secret')),
    as('signed by a stranger of P-256', withEs256(stranger.privateKey)),
    { name: 'none, unsigned', token: `${encode({ alg: 'none', typ: 'at+jwt' })}.${encode(claims)}.` },
    { name: 'none, signed', token: signed({ alg: 'none', typ: 'at+jwt' }, claims, signers[alg]) },
  ]
  for (const other of ['HS256', 'RS256', 'PS256', 'ES256', 'EdDSA'] as const) {
    if (other === alg) continue
    made.push(as(`signed as ${other}`, signers[other]), { name: `a good ${other} token`, token: tokenOf(other) })
  }
  switch (alg) {
    case 'HS256':
      made.push(
        ...['undefined', secret.slice(1), `${secret} `, secret.toLowerCase()].map((guess) =>
          as(`signed with ${JSON.stringify(guess)}`, withHs256(guess)),
        ),
        as('signed with SHA-512', (input) => createHmac('sha512', secret).update(input).digest()),
        as('signed with SHA-512, cut', (input) => createHmac('sha512', secret).update(input).digest().subarray(0, 32)),
        as('signed with SHA-1', (input) => createHmac('sha1', secret).update(input).digest()),
      )
      break
    case 'RS256':
      made.push(
        as('signed with PSS', withPs256(rsa.privateKey)),
        as('signed with SHA-512', (input) => signBytes('sha512', Buffer.from(input), rsa.privateKey)),
        as('signed with SHA-1', (input) => signBytes('sha1', Buffer.from(input), rsa.privateKey)),
        as('signed with PSS without salt', (input) =>
          signBytes('sha256', Buffer.from(input), {
            key: rsa.privateKey,
            padding: constants.RSA_PKCS1_PSS_PADDING,
            saltLength: 0,
          }),
        ),
        as('signed, with a zero byte in front', (input) =>
          Buffer.concat([Buffer.alloc(1), withRs256(rsa.privateKey)(input)]),
        ),
        as('with a signature that is one', () => Buffer.concat([Buffer.alloc(255), Buffer.from([1])])),
        as('with a signature of all ones', () => Buffer.alloc(256, 0xff)),
      )
      break
    case 'ES256':
      made.push(
        as('signed in DER', derSignature),
        as('signed with SHA-512', (input) =>
          signBytes('sha512', Buffer.from(input), { key: es256.privateKey, dsaEncoding: 'ieee-p1363' }),
        ),
        as('with r and s swapped', (input) => {
          const raw = withEs256(es256.privateKey)(input)
          return Buffer.concat([raw.subarray(32), raw.subarray(0, 32)])
        }),
        as('with r and s of the order', () => Buffer.concat([ORDER, ORDER])),
        as('with r of one and s of zero', () => Buffer.concat([one(), Buffer.alloc(32)])),
        as('with r and s of one', () => Buffer.concat([one(), one()])),
      )
      break
    case 'EdDSA':
      made.push(
        as('with S plus the order of the group', malleable),
        as('with an R of small order', () => Buffer.concat([one(), Buffer.alloc(32)])),
        as('signed over its digest', (input) => {
          const digest = createHmac('sha512', '').update(input).digest()
          return signBytes(null, digest, ed25519.privateKey)
        }),
      )
  }
  return made
}

const one = (): Buffer => Buffer.concat([Buffer.alloc(31), Buffer.from([1])])

/** The order of P-256 (SEC 2 §2.4.2). */
const ORDER = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')

function derSignature(input: string): Buffer {
  const raw = withEs256(es256.privateKey)(input)
  return Buffer.concat([
    Buffer.from([0x30, 0x44, 0x02, 0x20]),
    raw.subarray(0, 32),
    Buffer.from([0x02, 0x20]),
    raw.subarray(32),
  ])
}

/** RFC 8032 §5.1.7: S must be smaller than the order; a verifier that forgets accepts a second signature. */
function malleable(input: string): Buffer {
  const good = signers.EdDSA(input)
  const littleEndian = (bytes: Buffer): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const large = (littleEndian(good.subarray(32)) + order).toString(16).padStart(64, '0')
  return Buffer.concat([good.subarray(0, 32), Buffer.from(large, 'hex').reverse()])
}
