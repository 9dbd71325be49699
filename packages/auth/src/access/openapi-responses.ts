import type { AuthOptions } from '../options.ts'
import { acceptedSchemes } from '../strategies.ts'
import type { AuthRoute } from './route-options.ts'

/** The problem that every refusal is. */
const problem = {
  type: 'object',
  required: ['error', 'code', 'status', 'title'],
  properties: {
    error: { type: 'string', description: 'One readable sentence.' },
    code: { type: 'string', description: 'Names the reason, for programs.' },
    status: { type: 'integer' },
    title: { type: 'string' },
    retryAfter: { type: 'integer', description: 'Seconds until another try makes sense.' },
  },
} as const

const challenge = { 'WWW-Authenticate': { type: 'string', description: 'What is asked for (RFC 9110 §11.6.1).' } }

const AMBIGUOUS = { ...problem, description: 'More than one credential, or a request that no schema admits.' }
const UNAUTHENTICATED = {
  ...problem,
  description: 'No credential, one that is not valid, or one that is not recent or strong enough.',
  headers: challenge,
}
const FORBIDDEN = { ...problem, description: 'The caller is known and may not do this.' }
const UNAVAILABLE = {
  ...problem,
  description: 'What decides is away.',
  headers: { 'Retry-After': { type: 'string', description: 'Seconds.' } },
}

/** Where a route has no schema of answers, @fastify/swagger writes this. */
const DEFAULT = { 200: { description: 'Default Response', type: 'null' } }

/** The answers of an operation with those that refuse, as @fastify/swagger takes them. What is there already stays. */
export function withRefusals(response: unknown, policy: AuthOptions & AuthRoute): object {
  const written = (response ?? DEFAULT) as Readonly<Record<string, unknown>>
  const names = new Set(Object.keys(written).map((name) => name.toLowerCase()))
  const free = (status: number): boolean =>
    ![`${status}`, `${Math.floor(status / 100)}xx`, 'default'].some((name) => names.has(name))
  const { scopes = [], roles, owner } = policy
  const possible: readonly (readonly [status: number, response: object, possible: boolean])[] = [
    [400, AMBIGUOUS, (policy.anyOf ?? acceptedSchemes(policy)).length > 1],
    [401, UNAUTHENTICATED, true],
    [403, FORBIDDEN, scopes.length > 0 || roles !== undefined || owner !== undefined],
    [503, UNAVAILABLE, asksSomebody(policy)],
  ]
  const added = possible.filter(([status, , is]) => is && free(status)).map(([status, answer]) => [status, answer])
  return { ...written, ...(Object.fromEntries(added) as Record<string, object>) }
}

/** Whether somebody else decides, who may be away. */
function asksSomebody(policy: AuthOptions & AuthRoute): boolean {
  if (policy.owner !== undefined) return true
  const { jwt, revocation, apiKeys } = policy
  const keys = [jwt, ...(jwt?.issuers ?? [])].some((one) => one?.jwks !== undefined || one?.discovery === true)
  const store = revocation?.redis !== undefined && revocation.onStoreError !== 'open'
  const away = {
    jwt: keys || store,
    introspection: true,
    'api-key': apiKeys?.find !== undefined,
    basic: true,
    'client-certificate': false,
    session: true,
  }
  return (policy.anyOf ?? acceptedSchemes(policy)).some((scheme) => away[scheme])
}
