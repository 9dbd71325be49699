import type { Finding } from '@portcullis/kernel'
import { COOKIE, SECRET, type CsrfOptions } from './options.ts'
import { mistakeIn } from './origin.ts'

/** Rules that a schema cannot say, of the registration's options and of every route's merged policy. */
export function check(options: Readonly<CsrfOptions>): Finding[] {
  return [...checkOrigins(options), ...checkSecrets(options), ...checkCookies(options)]
}

function checkOrigins({ origins }: Readonly<CsrfOptions>): Finding[] {
  return origins.flatMap((origin, index): Finding[] => {
    const mistake = mistakeIn(origin)
    if (mistake === null) return []
    const path = `/origins/${index}`
    const written = mistake.instead ?? 'https://app.example.com'
    const message = `${mistake.wrong}; write '${written}'`
    return [{ at: path, rule: 'origin', message, fix: [{ op: 'replace', path, value: written }] }]
  })
}

function checkSecrets({ secrets, token }: Readonly<CsrfOptions>): Finding[] {
  if (secrets === undefined) {
    if (token !== 'always') return []
    return [
      {
        at: '/token',
        rule: 'token-without-secrets',
        message: "is 'always', and no token can be made; give `secrets`, or write token: 'fallback'",
        fix: [{ op: 'replace', path: '/token', value: 'fallback' }],
      },
    ]
  }
  return secrets.flatMap((secret, index): Finding[] => {
    const bytes = Buffer.from(secret as string)
    if (bytes.length >= 32 && new Set(bytes).size >= 10) return []
    const path = `/secrets/${index}`
    return [
      {
        at: path,
        rule: 'secret-weak',
        message: 'is not 32 random bytes or more; `openssl rand -base64 32` makes some',
        fix: [{ op: 'replace', path, value: SECRET }],
      },
    ]
  })
}

function checkCookies({ session, cookie }: Readonly<CsrfOptions>): Finding[] {
  if (session === undefined || session !== cookie?.name) return []
  // Each rotation would overwrite the session.
  const name = session === COOKIE ? '__Host-form' : COOKIE
  const message = `is the name of the session's cookie; write '${name}'`
  const fix = [{ op: 'add', path: '/cookie', value: { ...cookie, name } }] as const
  return [{ at: '/cookie/name', rule: 'cookie-of-session', message, fix }]
}
