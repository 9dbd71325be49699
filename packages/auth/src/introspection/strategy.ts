import { hash } from 'node:crypto'
import type { Agent } from 'node:http'
import type { SecurityIdentity } from 'fastify'
import { credentialsOf } from '../access/authorization.ts'
import { type Fault, identityOf, isName, type Outcome, type Strategy } from '../identity.ts'
import { hasPlainMembers } from '../jwt/json-object.ts'
import { readRemoteObject } from '../keys/jwks-document.ts'
import { ask, type LookUp } from '../remote/look-up.ts'
import { RememberedLookUps } from '../remote/remembered-look-ups.ts'
import type { FetchRemote, RemoteAnswer } from '../remote/json.ts'
import { type ClaimPath, describedBy, isDate, scopesOf } from '../jwt/claims.ts'
import { faultOfTimes, freezeDeeply, isAudience } from '../jwt/token.ts'

/** What an active token must say. */
export interface IntrospectionRules {
  /** `iss`; absent: not looked at. */
  readonly issuer: string | undefined
  /** What `aud` is or contains; absent: not looked at. */
  readonly audience: string | undefined
  /** The member that names the caller. */
  readonly subjectClaim: string
  /** Where the scopes are; absent: the usual members. */
  readonly scopesClaim?: ClaimPath | undefined
  /** Where the roles are; absent: `roles`. */
  readonly rolesClaim?: ClaimPath | undefined
}

/** What the introspection strategy is made of. */
export interface IntrospectionParts extends LookUp {
  readonly endpoint: string
  readonly ca: string | undefined
  /** Keeps connections to the server: every token that is seen first asks it. */
  readonly agent?: Agent | undefined
  /** How this API proves who it is. */
  readonly client: ClientAuthentication
  readonly rules: IntrospectionRules
  /** Seconds for which an answer is remembered at most. */
  readonly cacheFor: number
  readonly maxTokenBytes: number
  readonly fetch: FetchRemote
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

/** Credentials of this API at the authorization server (RFC 6749 §2.3.1, RFC 7523 §2.2). */
export type ClientAuthentication =
  | {
      readonly method: 'client_secret_basic' | 'client_secret_post'
      readonly id: string
      readonly secret: string
    }
  | { readonly method: 'private_key_jwt'; readonly id: string; readonly assertion: () => Promise<string> }

/** An active token, with what is looked at again at every use. */
interface Active {
  readonly identity: SecurityIdentity
  /** Seconds since the epoch. */
  readonly expires: number
  readonly notBefore: number
}

type Answer = Active | Fault

/** A token that is not active now will hardly become so. */
const INACTIVE_MS = 10_000
const MAX_BYTES = 65_536
const LIMITS = { concurrent: 32, waiting: 1_000, remembered: 10_000 } as const

/** RFC 6750 §2.1: b64token. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/

/** Opaque bearer tokens, about which the authorization server is asked (RFC 7662). */
export function introspectionStrategy(parts: IntrospectionParts): Strategy {
  const { rules, cacheFor, maxTokenBytes, now, ...lookUp } = parts
  const lookUps = new RememberedLookUps<Answer>({
    ...LIMITS,
    ask: (token) =>
      ask<Answer>(
        () => introspect(token, parts),
        (value) => answerOf(value as RemoteAnswer, rules),
        lookUp,
      ),
    keepFor(answer) {
      if (answer === 'unavailable') return 0
      if (typeof answer === 'string') return Math.min(cacheFor * 1000, INACTIVE_MS)
      const left = answer.expires * 1000 - now()
      return Math.min(cacheFor * 1000, left > 0 ? left : INACTIVE_MS)
    },
    exists: (answer) => typeof answer !== 'string',
    tooMany: 'unavailable',
    now,
    patienceMs: lookUp.timeoutMs,
  })

  function judge(answer: Answer): Outcome {
    if (typeof answer === 'string') return answer
    return faultOfTimes(answer.expires, answer.notBefore, now() / 1000, 0) ?? answer.identity
  }

  return {
    scheme: 'introspection',
    find: (fields) => credentialsOf(fields, 'bearer'),
    until: ({ claims }) => (claims['exp'] as number | undefined) ?? Infinity,
    verify(token, _security, manner) {
      if (token.length > maxTokenBytes) return 'too-large'
      if (!TOKEN.test(token)) return 'malformed'
      const answer = lookUps.get(hash('sha256', token, 'binary'), token, manner)
      return answer instanceof Promise ? answer.then(judge) : judge(answer)
    },
  }
}

async function introspect(token: string, parts: IntrospectionParts): Promise<RemoteAnswer> {
  const { endpoint, ca, agent, client, timeoutMs } = parts
  const form = new URLSearchParams({ token, token_type_hint: 'access_token' })
  if (client.method !== 'client_secret_basic') form.set('client_id', client.id)
  if (client.method === 'client_secret_post') form.set('client_secret', client.secret)
  if (client.method === 'private_key_jwt') {
    form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    form.set('client_assertion', await client.assertion())
  }
  return parts.fetch({
    url: endpoint,
    ca,
    agent,
    form: form.toString(),
    authorization: client.method === 'client_secret_basic' ? basicOf(client.id, client.secret) : undefined,
    timeoutMs,
    maxBytes: MAX_BYTES,
  })
}

/** RFC 6749 §2.3.1: both are form-encoded first. */
function basicOf(id: string, secret: string): string {
  const encoded = (text: string): string => new URLSearchParams({ '': text }).toString().slice(1)
  return `Basic ${Buffer.from(`${encoded(id)}:${encoded(secret)}`).toString('base64')}`
}

/**
 * Reads what the server said of a token (RFC 7662 §2.2).
 * @throws if that is no answer: then nothing is known of the token.
 */
function answerOf({ body, refused }: RemoteAnswer, rules: IntrospectionRules): Answer {
  const said = body === null ? null : readRemoteObject(body)
  // A JWT, at a server that is asked about opaque tokens alone: whoever sent it must not get a 503 for it.
  if (refused === true && said?.['error'] === 'unsupported_token_type') return 'type'
  // Two answers in one are none.
  const plain = said !== null && hasPlainMembers(String(body))
  if (refused === true || !plain || typeof said['active'] !== 'boolean')
    throw new TypeError('the answer is no introspection')
  if (!said['active']) return 'unknown'
  const { iss, aud, exp, nbf, jti, cnf, token_type: type } = said
  // A refresh token is active too, and a bound one (RFC 9449, RFC 8705) is no bearer token.
  if (cnf !== undefined || (type !== undefined && (typeof type !== 'string' || type.toLowerCase() !== 'bearer')))
    return 'type'
  if (rules.issuer !== undefined && iss !== rules.issuer) return 'issuer'
  if (rules.audience !== undefined) {
    if (!isAudience(aud)) return 'audience'
    if (typeof aud === 'string' ? aud !== rules.audience : !aud.includes(rules.audience)) return 'audience'
  }
  const subject = Object.hasOwn(said, rules.subjectClaim) ? said[rules.subjectClaim] : undefined
  const scopes = scopesOf(said, rules.scopesClaim)
  if (!isName(subject) || scopes === null || (jti !== undefined && !isName(jti))) return 'claims'
  for (const date of [exp, nbf]) if (date !== undefined && !isDate(date)) return 'claims'
  return {
    identity: identityOf({
      subject,
      scheme: 'introspection',
      scopes,
      ...describedBy(said, rules.rolesClaim),
      credentialId: jti,
      claims: freezeDeeply(said),
    }),
    expires: (exp as number | undefined) ?? Infinity,
    notBefore: (nbf as number | undefined) ?? 0,
  }
}
