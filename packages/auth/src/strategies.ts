import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { FastifyInstance } from 'fastify'
import { systemClock } from './clock.ts'
import { basicStrategy } from './clients/basic.ts'
import { clientCertificateStrategy } from './clients/certificate.ts'
import type { Scheme, Strategy } from './identity.ts'
import { assertionOf, readClientKey } from './introspection/client-key.ts'
import { type ClientAuthentication, introspectionStrategy } from './introspection/strategy.ts'
import type { IntrospectionOptions } from './introspection/options.ts'
import type { LookUp } from './remote/look-up.ts'
import { openApiKeys } from './api-keys/open.ts'
import { claimPath } from './jwt/claims.ts'
import { openJwt } from './jwt/open.ts'
import type { AuthOptions } from './options.ts'
import { AskedAgain } from './remote/asked-again.ts'
import { fetchRemote } from './remote/json.ts'
import { openRevoking } from './revocation/revoke.ts'
import { SESSION_COOKIE, sessionStrategy } from './clients/session.ts'

/** Where each kind of credential stands in the options. */
const PLACES = {
  jwt: 'jwt',
  introspection: 'introspection',
  'api-key': 'apiKeys',
  basic: 'basic',
  'client-certificate': 'clientCertificate',
  session: 'session',
} as const satisfies Record<Scheme, keyof AuthOptions>

/** The kinds of credential that options accept. */
export function acceptedSchemes(options: Readonly<AuthOptions>): Scheme[] {
  return (Object.keys(PLACES) as Scheme[]).filter((scheme) => options[PLACES[scheme]] !== undefined)
}

/** Opens everything that credentials are checked with. */
export async function openStrategies(
  options: Readonly<AuthOptions>,
  app: FastifyInstance,
  now: () => number,
  lookUp: (name: string) => LookUp,
): Promise<Strategy[]> {
  const { jwt, introspection, revocation, apiKeys, basic, clientCertificate, session } = options
  const strategies: Strategy[] = []
  const watching = (strategy: Strategy, { outage }: LookUp): Strategy => {
    const askedAgain = new AskedAgain(strategy, outage, systemClock(now))
    app.addHook('onClose', async () => askedAgain.close())
    return askedAgain.watching()
  }
  if (jwt !== undefined) {
    const revocations = revocation === undefined ? undefined : await openRevoking(revocation, app, now)
    const tokens = await openJwt(jwt, app, revocations)
    strategies.push(introspection === undefined ? tokens : only(tokens, isJwtShaped))
  }
  if (introspection !== undefined) {
    const kept = { keepAlive: true, maxFreeSockets: 8 }
    const agent = new URL(introspection.endpoint).protocol === 'https:' ? new HttpsAgent(kept) : new HttpAgent(kept)
    app.addHook('onClose', async () => agent.destroy())
    const asks = lookUp('introspection')
    const parts = introspectionParts(introspection, now, asks)
    const tokens = watching(introspectionStrategy({ ...parts, agent }), asks)
    strategies.push(jwt === undefined ? tokens : only(tokens, (token) => !isJwtShaped(token)))
  }
  if (apiKeys !== undefined) {
    const asks = lookUp('apiKeys.find')
    strategies.push(watching(openApiKeys(apiKeys, app, now, asks), asks))
  }
  if (basic !== undefined) strategies.push(basicStrategy({ verify: basic.verify, ...lookUp('basic.verify') }))
  if (clientCertificate !== undefined) strategies.push(clientCertificateStrategy(clientCertificate))
  if (session !== undefined) {
    const { find, cookie = SESSION_COOKIE } = session
    const asks = lookUp('session.find')
    strategies.push(watching(sessionStrategy({ find, cookie, now, ...asks }), asks))
  }
  return strategies
}

/** A strategy for some bearer tokens: the two kinds share a field, and no token is of both. */
function only(strategy: Strategy, admits: (token: string) => boolean): Strategy {
  return {
    ...strategy,
    find(fields, security) {
      const token = strategy.find(fields, security)
      return token !== null && admits(token) ? token : null
    },
  }
}

/** A compact JWS has two dots (RFC 7515 §7.1); opaque tokens of servers that have both kinds do not look like that. */
function isJwtShaped(token: string): boolean {
  const first = token.indexOf('.')
  return first !== -1 && token.indexOf('.', first + 1) !== -1
}

function introspectionParts(options: Readonly<IntrospectionOptions>, now: () => number, lookUp: LookUp) {
  const { endpoint, ca, issuer, audience, subjectClaim = 'sub', cacheFor = 30, maxTokenBytes = 4096 } = options
  const places = { scopesClaim: claimPath(options.scopesClaim), rolesClaim: claimPath(options.rolesClaim) }
  return {
    endpoint,
    ca,
    client: clientOf(options, now),
    rules: { issuer, audience, subjectClaim, ...places },
    cacheFor,
    maxTokenBytes,
    fetch: fetchRemote,
    now,
    ...lookUp,
  } as const
}

function clientOf(options: Readonly<IntrospectionOptions>, now: () => number): ClientAuthentication {
  const { clientId: id, clientSecret: secret = '', clientAuthentication: method = 'client_secret_basic' } = options
  if (method !== 'private_key_jwt') return { method, id, secret }
  const key = readClientKey(options.clientKey ?? '')
  if (typeof key === 'string') throw new TypeError('unreachable: check() refuses such keys')
  const parts = { ...key, clientId: id, keyId: options.clientKeyId, audience: options.issuer ?? '' }
  return { method, id, assertion: () => assertionOf(parts, now()) }
}
