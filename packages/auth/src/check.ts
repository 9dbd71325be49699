import type { Finding, Operation } from '@portcullis/kernel'
import { hashApiKey } from './api-key.ts'
import { checkJwt } from './check-jwt.ts'
import type { Scheme } from './identity.ts'
import { EXAMPLE_JWT } from './jwt-options.ts'
import type { ApiKeyOptions, AuthOptions } from './options.ts'
import type { AuthRoute } from './route-options.ts'

/** The schemes that options accept. */
function acceptedSchemes({ jwt, apiKeys, basic }: Readonly<AuthOptions>): Scheme[] {
  const schemes: Scheme[] = []
  if (jwt !== undefined) schemes.push('jwt')
  if (apiKeys !== undefined) schemes.push('api-key')
  if (basic !== undefined) schemes.push('basic')
  return schemes
}

/** Rules between fields, and rules on what a schema cannot see: what a key is made of. */
export function check(options: Readonly<AuthOptions & AuthRoute>): Finding[] {
  const { jwt, apiKeys, anyOf } = options
  const accepted = acceptedSchemes(options)
  const findings: Finding[] = []
  if (accepted.length === 0 && options.enabled !== false) {
    findings.push({
      at: '',
      rule: 'no-credential',
      message: 'accepts no credential at all: give at least one of jwt, apiKeys and basic',
      fix: [{ op: 'add', path: '/jwt', value: { ...EXAMPLE_JWT } }],
    })
  }
  if (jwt !== undefined) findings.push(...checkJwt(jwt))
  else if (options.revocation !== undefined) {
    findings.push({
      at: '/revocation',
      rule: 'nothing-to-revoke',
      message: 'revokes tokens, and the registration accepts none; remove it',
      fix: [{ op: 'remove', path: '/revocation' }],
    })
  }
  if (apiKeys !== undefined) findings.push(...checkApiKeys(apiKeys))
  const strange = anyOf?.findIndex((scheme) => !accepted.includes(scheme)) ?? -1
  if (anyOf !== undefined && strange !== -1 && accepted.length > 0) {
    const kept = anyOf.filter((scheme) => accepted.includes(scheme))
    findings.push({
      at: `/anyOf/${strange}`,
      rule: 'scheme-not-accepted',
      message: `is '${anyOf[strange]}', and the registration accepts ${accepted.join(', ')}`,
      fix: [{ op: 'replace', path: '/anyOf', value: kept.length > 0 ? kept : accepted }],
    })
  }
  return findings
}

/** Header fields with a meaning of their own, or that intermediaries touch. */
const TAKEN = new Set([
  'authorization',
  'cookie',
  'host',
  'proxy-authorization',
  'connection',
  'content-type',
  'content-length',
  'origin',
  'forwarded',
  'x-forwarded-for',
  'transfer-encoding',
  'upgrade',
  'te',
  'trailer',
  'keep-alive',
  'expect',
  'set-cookie',
  // Of two of these Node keeps the first and says nothing; of others it joins both, and no key has a comma.
  'age',
  'etag',
  'expires',
  'from',
  'if-modified-since',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'referer',
  'retry-after',
  'server',
  'user-agent',
])

/** Hashes of what stands in a key's place when somebody forgot it. */
const GUESSABLE = new Set(
  ['', 'undefined', 'null', 'secret', 'changeme', 'test', 'api-key', 'password'].map(hashApiKey),
)

function checkApiKeys({ header, keys = [], find }: Readonly<ApiKeyOptions>): Finding[] {
  const findings: Finding[] = []
  if (header !== undefined && TAKEN.has(header)) {
    findings.push({
      at: '/apiKeys/header',
      rule: 'header-taken',
      message: `is '${header}', which has a meaning of its own; write header: 'x-api-key'`,
      fix: [{ op: 'replace', path: '/apiKeys/header', value: 'x-api-key' }],
    })
  }
  if (keys.length === 0 && find === undefined) {
    findings.push({
      at: '/apiKeys',
      rule: 'no-key',
      message: 'knows no key: give keys or find, or leave apiKeys out',
      fix: [{ op: 'add', path: '/apiKeys/find', value: () => null }],
    })
  }
  const seen = { id: new Set<string>(), sha256: new Set<string>() }
  for (const [index, entry] of keys.entries()) {
    const at = `/apiKeys/keys/${index}`
    const fix: Operation[] = [{ op: 'remove', path: at }]
    if (GUESSABLE.has(entry.sha256)) {
      findings.push({
        at: `${at}/sha256`,
        rule: 'guessable-key',
        message: 'is the hash of a key that anybody guesses; use createApiKey()',
        fix,
      })
    } else if (seen.id.has(entry.id) || seen.sha256.has(entry.sha256)) {
      const twice = seen.id.has(entry.id) ? 'id' : 'sha256'
      findings.push({
        at: `${at}/${twice}`,
        rule: 'repeated-key',
        message: `is the ${twice} of an earlier key; remove the entry`,
        fix,
      })
    }
    seen.id.add(entry.id)
    seen.sha256.add(entry.sha256)
  }
  return findings
}
