import { randomBytes } from 'node:crypto'
import type { Finding, Operation } from '@portcullis/kernel'
import { checkClaimPaths } from './claims.ts'
import { writtenIssuers, type WrittenIssuer } from './issuers.ts'
import { EXAMPLE_JWT, type JwtOptions } from './options.ts'
import { faultOfUrl } from '../remote/url.ts'
import { EXAMPLE_PUBLIC_KEY, familyOf, type KeyMaterial, readKey } from './verification-key.ts'

const JWKS_URL = 'https://id.example.com/.well-known/jwks.json'

const OF_ONE = ['issuer', 'key', 'jwks', 'discovery'] as const

/** Rules between the options of tokens, and rules on what a schema cannot see: what a key is made of. */
export function checkJwt(jwt: Readonly<JwtOptions>): Finding[] {
  const findings: Finding[] = []
  if (jwt.issuers !== undefined) {
    for (const name of OF_ONE.filter((one) => jwt[one] !== undefined)) {
      findings.push({
        at: `/jwt/${name}`,
        rule: 'one-issuer-or-several',
        message: 'stands beside `issuers`; move it into the list',
        fix: [{ op: 'remove', path: `/jwt/${name}` }],
      })
    }
  }
  if (jwt.keySets !== undefined && typeof jwt.keySets.take !== 'function') {
    findings.push({
      at: '/jwt/keySets',
      rule: 'key-sets',
      message: 'must be what `openKeySets()` gives; remove it for a place of its own',
      fix: [{ op: 'remove', path: '/jwt/keySets' }],
    })
  }
  const seen = new Set<string>()
  for (const written of writtenIssuers(jwt)) {
    const { at, options } = written
    const { issuer } = options
    if (issuer !== undefined && seen.has(issuer)) {
      findings.push({
        at: `${at}/issuer`,
        rule: 'repeated-issuer',
        message: 'is the issuer of an earlier entry; remove this one',
        fix: [{ op: 'remove', path: at }],
      })
      continue
    }
    if (issuer !== undefined) seen.add(issuer)
    findings.push(...checkIssuer(written))
  }
  return findings
}

function checkIssuer({ at, options }: WrittenIssuer): Finding[] {
  const { key, jwks, discovery = false, issuer } = options
  const findings: Finding[] = []
  for (const name of ['issuer', 'audience'] as const) {
    if (options[name] === undefined)
      findings.push(required(at, name, EXAMPLE_JWT[name], `write ${name}: '${EXAMPLE_JWT[name]}'`))
  }
  const places = [key !== undefined && 'key', jwks !== undefined && 'jwks', discovery && 'discovery'].filter(
    (place) => place !== false,
  )
  if (places.length > 1) {
    findings.push({
      at: `${at}/${places[1]}`,
      rule: 'two-key-sources',
      message: `stands beside \`${places[0]}\`: an issuer’s keys are in one place; remove it`,
      fix: places.slice(1).map((place) => ({ op: 'remove', path: `${at}/${place}` })),
    })
  } else if (places.length === 0) {
    const secret = options.algorithms?.includes('HS256') === true
    const value = secret ? randomBytes(48).toString('base64url') : EXAMPLE_PUBLIC_KEY
    const what = secret
      ? 'give the secret that the issuer signs with, at least 32 random bytes'
      : `give the issuer’s public key with algorithms: ['ES256'], or write jwks: '${JWKS_URL}', or discovery: true`
    findings.push(required(at, 'key', value, what))
  } else if (key !== undefined) findings.push(...checkKey(at, options, key))
  else findings.push(...checkAlgorithms(at, options))
  findings.push(...checkClaimPaths(at, options))
  const { dangerouslyAllowHttp: allowHttp = false } = options
  if (typeof jwks === 'string') findings.push(...checkUrl(`${at}/jwks`, jwks, allowHttp))
  if (jwks instanceof AsyncFunction) findings.push(synchronous(`${at}/jwks`))
  if (discovery && issuer !== undefined) findings.push(...checkUrl(`${at}/issuer`, issuer, allowHttp))
  return findings
}

const AsyncFunction = (async () => {}).constructor

function synchronous(at: string): Finding {
  return {
    at,
    rule: 'synchronous-jwks',
    message: `must return text, not a promise: it is asked at every use; write the URL of the keys, such as '${JWKS_URL}'`,
    fix: [{ op: 'replace', path: at, value: JWKS_URL }],
  }
}

function required(at: string, name: string, value: unknown, what: string): Finding {
  return {
    at: `${at}/${name}`,
    rule: 'required',
    message: `is required; ${what}`,
    fix: [{ op: 'add', path: `${at}/${name}`, value }],
  }
}

function checkUrl(at: string, url: string, allowHttp: boolean): Finding[] {
  const fault = faultOfUrl(url, allowHttp)
  if (fault === null && !(at.endsWith('/issuer') && url.includes('?'))) return []
  const value = at.endsWith('/issuer') ? EXAMPLE_JWT.issuer : JWKS_URL
  return [
    {
      at,
      rule: 'unsafe-url',
      message: `${fault ?? 'has a query'}; write an https URL such as '${value}'`,
      fix: [{ op: 'replace', path: at, value }],
    },
  ]
}

/** Fetched keys are public, and of one family: a token must not choose what it is checked with (RFC 8725 §3.1). */
function checkAlgorithms(at: string, { algorithms }: WrittenIssuer['options']): Finding[] {
  if (algorithms === undefined) return []
  const families = new Set(algorithms.map(familyOf))
  if (families.size === 1 && !families.has('HMAC')) return []
  const [first = 'RS256'] = algorithms.filter((algorithm) => algorithm !== 'HS256')
  const value = algorithms.filter((algorithm) => familyOf(algorithm) === familyOf(first))
  const kept = value.length > 0 ? value : [first]
  const why = families.has('HMAC') ? 'holds HS256, and no shared secret is ever published' : 'mixes families of keys'
  return [
    {
      at: `${at}/algorithms`,
      rule: families.has('HMAC') ? 'secret-from-jwks' : 'mixed-families',
      message: `${why} (RFC 8725 §3.1); write algorithms: ['${kept.join("', '")}']`,
      fix: [{ op: 'add', path: `${at}/algorithms`, value: kept }],
    },
  ]
}

function checkKey(owner: string, { algorithms }: WrittenIssuer['options'], material: KeyMaterial): Finding[] {
  const at = `${owner}/key`
  const replace = (value: unknown): Operation[] => [{ op: 'replace', path: at, value }]
  const key = readKey(material)
  const missing =
    algorithms === undefined && 'algorithms' in key
      ? [required(owner, 'algorithms', key.algorithms.slice(0, 1), `write algorithms: ['${key.algorithms[0]}']`)]
      : []
  switch (key.kind) {
    case 'weak':
      return [
        {
          at,
          rule: 'weak-secret',
          message: `${key.why}: whoever guesses it signs tokens; write 48 random bytes, such as randomBytes(48).toString('base64url')`,
          // Random, so that no secret of ours is ever in use anywhere.
          fix: replace(randomBytes(48).toString('base64url')),
        },
      ]
    case 'private':
      return [
        {
          at,
          rule: 'private-key',
          message: 'is a private key, and verifying needs the public one: leave the private one with the issuer',
          fix: replace(key.pem),
        },
      ]
    case 'unusable': {
      const value = algorithms?.includes('HS256') === true ? randomBytes(48).toString('base64url') : EXAMPLE_PUBLIC_KEY
      return [{ at, rule: 'unusable-key', message: key.why, fix: replace(value) }]
    }
    default: {
      if (algorithms === undefined) return missing
      const fitting = algorithms.filter((algorithm) => key.algorithms.includes(algorithm))
      if (fitting.length === algorithms.length) return []
      const value = fitting.length > 0 ? fitting : key.algorithms.slice(0, 1)
      return [
        {
          at: `${owner}/algorithms`,
          rule: 'algorithm-key-mismatch',
          message: `must be made for the key (RFC 8725 §3.1), which is ${key.kind === 'secret' ? 'a secret' : 'a public key'}; write algorithms: ['${value.join("', '")}']`,
          fix: [{ op: 'add', path: `${owner}/algorithms`, value }],
        },
      ]
    }
  }
}
