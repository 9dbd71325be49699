import { describeSecurity } from '@portcullis/kernel'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { isClosed } from './closed-routes.ts'
import { isBearer, type Scheme } from '../identity.ts'
import { discoveryUrl } from '../keys/discovery.ts'
import { withRefusals } from './openapi-responses.ts'
import type { AuthOptions } from '../options.ts'
import type { AuthRoute } from './route-options.ts'
import { acceptedSchemes } from '../strategies.ts'

/** What @fastify/swagger hands to its option `transform`, and takes back. */
interface Transformed {
  readonly schema: FastifySchema
  readonly url: string
}
interface Given extends Transformed {
  readonly route: { readonly method: string | string[]; readonly url: string }
  readonly openapiObject?: unknown
}

/** As far as a document is looked at. */
interface Document {
  openapi?: string
  components?: { securitySchemes?: Record<string, unknown> }
}

type Policy = AuthOptions & AuthRoute

/**
 * Makes @fastify/swagger write what the policies of the routes say: `securitySchemes`, and of every operation `security`
 * and the answers that refuse. An operation that anybody may use says `security: []`; a route that admits nobody is left
 * out. Schemes that the document declares keep their names: with one of OAuth 2.0 or OpenID Connect, bearer tokens are
 * asked for by that one, with their scopes.
 * @param transform your own `transform`, which runs first
 * @returns options of @fastify/swagger
 * @example await app.register(swagger, { openapi: { openapi: '3.1.0' }, ...documentSecurity(app) })
 */
export function documentSecurity(
  app: FastifyInstance,
  transform: (given: Given) => Transformed = ({ schema, url }) => ({ schema, url }),
): { transform: (given: Given) => Transformed } {
  let described: ReadonlyMap<string, Policy | undefined> | undefined
  return {
    transform(given) {
      const made = transform(given)
      // The document is made after `ready`, when every policy is known.
      described ??= policiesOf(app)
      const { route, openapiObject } = given
      const name = `${[route.method].flat()[0]} ${route.url}`
      if (openapiObject === undefined || !described.has(name)) return made
      const policy = described.get(name)
      const added = isClosed(app.server, name)
        ? { hide: true }
        : policy === undefined
          ? { security: [] }
          : {
              security: securityOf(policy, openapiObject as Document),
              response: withRefusals(made.schema?.response, policy),
            }
      return { ...made, schema: { ...made.schema, ...added } }
    },
  }
}

/** Routes that differ by constraints alone (versions, hosts) are one operation: it is told as open only if all are. */
function policiesOf(app: FastifyInstance): ReadonlyMap<string, Policy | undefined> {
  const found = new Map<string, Policy | undefined>()
  for (const { method, url, policies } of describeSecurity(app)) {
    const name = `${method} ${url}`
    found.set(name, found.get(name) ?? (policies['auth'] as Policy | undefined))
  }
  return found
}

/** A security scheme (OpenAPI §4.8.27), as far as it is looked at. */
interface SecurityScheme {
  readonly type: string
  readonly [member: string]: unknown
}

/** The security requirements of an operation: one for each kind of credential that is admitted (OpenAPI §4.8.30). */
function securityOf(policy: Policy, document: Document): Record<string, readonly string[]>[] {
  const { scopes = [], roles } = policy
  const old = document.openapi?.startsWith('3.0') === true
  const names = new Map<string, boolean>()
  for (const scheme of policy.anyOf ?? acceptedSchemes(policy)) names.set(...nameOf(scheme, policy, document, old))
  return [...names].flatMap(([name, scoped]): Record<string, readonly string[]>[] => {
    if (scoped) return [{ [name]: [...scopes] }]
    // OpenAPI 3.0 has scopes for OAuth 2.0 and OpenID Connect alone; 3.1 has names of roles for all others.
    if (old) return [{ [name]: [] }]
    // Of several roles one is enough, and all that a requirement lists are needed: one requirement for each.
    return (roles ?? [undefined]).map((role) => ({ [name]: role === undefined ? [...scopes] : [...scopes, role] }))
  })
}

const SCOPED: readonly unknown[] = ['oauth2', 'openIdConnect']

/** Writes a kind of credential into the document, once, and gives the name that it has there and whether it has scopes. */
function nameOf(scheme: Scheme, policy: Policy, document: Document, old: boolean): [name: string, scoped: boolean] {
  const written = ((document.components ??= {}).securitySchemes ??= {}) as Record<string, SecurityScheme>
  const [name, definition] = definitionOf(scheme, policy, old)
  const bearer = isBearer(scheme)
  for (const [known, { type, ...rest }] of Object.entries(written)) {
    if (bearer && SCOPED.includes(type)) return [known, true]
    if (type === definition.type && IDENTIFYING.every((member) => isSame(rest[member], definition[member])))
      return [known, SCOPED.includes(type)]
  }
  for (let at = 1; ; at++) {
    const free = at === 1 ? name : `${name}${at}`
    if (free in written) continue
    written[free] = definition
    return [free, SCOPED.includes(definition.type)]
  }
}

/** What tells schemes of one type apart; descriptions do not. */
const IDENTIFYING = ['scheme', 'in', 'name', 'openIdConnectUrl'] as const

/** Names of auth-schemes and of header fields have no case (RFC 9110 §5.1, §11.1). */
function isSame(one: unknown, other: unknown): boolean {
  return String(one).toLowerCase() === String(other).toLowerCase()
}

function definitionOf(
  scheme: Scheme,
  { apiKeys, session, jwt }: Policy,
  old: boolean,
): [name: string, definition: SecurityScheme] {
  switch (scheme) {
    case 'jwt':
      if (jwt?.discovery === true && jwt.issuer !== undefined)
        return ['openIdConnect', { type: 'openIdConnect', openIdConnectUrl: discoveryUrl(jwt.issuer) }]
      return ['bearer', { type: 'http', scheme: 'bearer' }]
    case 'introspection':
      return ['bearer', { type: 'http', scheme: 'bearer' }]
    case 'basic':
      return ['basic', { type: 'http', scheme: 'basic' }]
    case 'api-key':
      return ['apiKey', { type: 'apiKey', in: 'header', name: apiKeys?.header ?? 'x-api-key' }]
    case 'session':
      return ['session', { type: 'apiKey', in: 'cookie', name: session?.cookie ?? '' }]
    case 'client-certificate':
      // OpenAPI 3.0 knows no mutual TLS; the scheme is the one of our challenge.
      return ['clientCertificate', old ? { type: 'http', scheme: 'ClientCertificate' } : { type: 'mutualTLS' }]
  }
}
