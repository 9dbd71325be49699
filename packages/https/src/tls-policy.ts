import { createSecureContext, type SecureContextOptions } from 'node:tls'

/** Which protocol versions are spoken: `modern` is TLS 1.3 alone, `intermediate` admits 1.2 too (RFC 9325 §3.1.1). */
export type TlsPolicy = 'modern' | 'intermediate'

/** The option that chooses one. */
export const policySchema = {
  type: 'string',
  enum: ['intermediate', 'modern'],
  default: 'intermediate',
  description: '`modern`: TLS 1.3 alone; `intermediate`: 1.2 with ECDHE and AEAD suites too.',
} as const

// RFC 9325 §4.2: forward secrecy and authenticated encryption only. ECDSA and RSA certificates both find theirs.
const SUITES = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

const CURVES = 'X25519:P-256:P-384'

let groups: string | undefined

/** Key agreement: hybrid with ML-KEM first, against recordings that are broken later, where OpenSSL (3.5) has it. */
function groupsOfRuntime(): string {
  if (groups !== undefined) return groups
  // Asking an older one would leave its error behind, which Node before 22.20 throws at whoever reads a key next.
  if (Number.parseFloat(process.versions.openssl) < 3.5) return (groups = CURVES)
  const hybrid = `X25519MLKEM768:${CURVES}`
  try {
    createSecureContext({ ecdhCurve: hybrid })
    groups = hybrid
  } catch {
    groups = CURVES
  }
  return groups
}

/** Versions, suites and groups of a policy, for servers and clients. */
export function protocolOptions(
  policy: TlsPolicy,
): Required<Pick<SecureContextOptions, 'minVersion' | 'maxVersion' | 'ciphers' | 'ecdhCurve'>> {
  return {
    minVersion: policy === 'modern' ? 'TLSv1.3' : 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: SUITES,
    ecdhCurve: groupsOfRuntime(),
  }
}
