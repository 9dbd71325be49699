import { randomBytes } from 'node:crypto'
import type { Finding, Operation } from '@portcullis/kernel'
import type { ApiKeyOptions } from './options.ts'
import { readKey } from '../jwt/verification-key.ts'

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

/** Rules between the options of API keys. */
export function checkApiKeys({ header, keys = [], find, pepper }: Readonly<ApiKeyOptions>): Finding[] {
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
      message:
        'knows no key; write keys: [entry] with an entry of createApiKey(), or find: (id) => null, a function that finds entries',
      fix: [{ op: 'add', path: '/apiKeys/find', value: () => null }],
    })
  }
  const fault = pepper === undefined ? undefined : readKey(pepper)
  if (fault !== undefined && fault.kind !== 'secret') {
    findings.push({
      at: '/apiKeys/pepper',
      rule: 'weak-secret',
      message: `${fault.kind === 'weak' ? fault.why : 'is a key of another kind'}; write 48 random bytes, such as randomBytes(48).toString('base64url')`,
      // Random, so that no secret of ours is ever in use anywhere.
      fix: [{ op: 'replace', path: '/apiKeys/pepper', value: randomBytes(48).toString('base64url') }],
    })
  }
  return [...findings, ...checkEntries(keys)]
}

function checkEntries(keys: NonNullable<ApiKeyOptions['keys']>): Finding[] {
  const findings: Finding[] = []
  const generations = new Map<string, (typeof keys)[number]>()
  const third = new Set<string>()
  const hashes = new Set<string>()
  for (const [index, entry] of keys.entries()) {
    const at = `/apiKeys/keys/${index}`
    const remove: Operation[] = [{ op: 'remove', path: at }]
    const { id, hash, expires } = entry
    const earlier = generations.get(id)
    if (hashes.has(hash)) {
      const message = 'is the hash of an earlier key; remove the entry'
      findings.push({ at: `${at}/hash`, rule: 'repeated-key', message, fix: remove })
    } else if (third.has(id)) {
      const message = 'is the id of two earlier keys, and a rotation has an old key and a new one; remove the entry'
      findings.push({ at: `${at}/id`, rule: 'third-generation', message, fix: remove })
    } else if (earlier !== undefined) {
      third.add(id)
      if (expires === undefined && earlier.expires === undefined) {
        const message =
          'is the id of an earlier key and neither expires: two keys share an id only while one replaces the other; give the old one expires, as rotateApiKey() does'
        findings.push({ at: `${at}/id`, rule: 'endless-rotation', message, fix: remove })
      }
    }
    if (expires !== undefined && expires > LATEST_SECOND) {
      const value = Math.floor(expires / 1000)
      findings.push({
        at: `${at}/expires`,
        rule: 'not-in-seconds',
        message: `is later than the year 5138: it counts seconds; write expires: ${value}`,
        fix: [{ op: 'replace', path: `${at}/expires`, value }],
      })
    }
    generations.set(id, entry)
    hashes.add(hash)
  }
  return findings
}

/** Milliseconds of today are seconds of some far year. */
const LATEST_SECOND = 99_999_999_999
