import { isDeepStrictEqual } from 'node:util'
import { describeSecurity } from '@portcullis/kernel'
import type { FastifyInstance, FastifySchema } from 'fastify'
import { isClosed } from './closed-routes.ts'
import type { Scheme } from '../identity.ts'
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
 * Makes @fastify/swagger write what the policies of the routes say: `securitySchemes`, and `security` of every operation.
 * An operation that anybody may use says `security: []`; a route that admits nobody is left out.
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
        : { security: policy === undefined ? [] : securityOf(policy, openapiObject as Document) }
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

/** The security requirements of an operation: one for each kind of credential that is admitted (OpenAPI §4.8.30). */
function securityOf(policy: Policy, document: Document): Record<string, readonly string[]>[] {
  const names = new Set((policy.anyOf ?? acceptedSchemes(policy)).map((scheme) => nameOf(scheme, policy, document)))
  // OpenAPI 3.0 has scopes for OAuth 2.0 and OpenID Connect alone.
  const scopes = document.openapi?.startsWith('3.0') === true ? [] : (policy.scopes ?? [])
  return [...names].map((name) => ({ [name]: [...scopes] }))
}

/** Writes a kind of credential into the document, once, and gives the name that it has there. */
function nameOf(scheme: Scheme, policy: Policy, document: Document): string {
  const written = ((document.components ??= {}).securitySchemes ??= {})
  const [name, definition] = definitionOf(scheme, policy)
  for (let at = 1; ; at++) {
    const free = at === 1 ? name : `${name}${at}`
    written[free] ??= definition
    if (isDeepStrictEqual(written[free], definition)) return free
  }
}

function definitionOf(scheme: Scheme, { apiKeys, session }: Policy): [name: string, definition: object] {
  switch (scheme) {
    case 'jwt':
    case 'introspection':
      return ['bearer', { type: 'http', scheme: 'bearer' }]
    case 'basic':
      return ['basic', { type: 'http', scheme: 'basic' }]
    case 'api-key':
      return ['apiKey', { type: 'apiKey', in: 'header', name: apiKeys?.header ?? 'x-api-key' }]
    case 'session':
      return ['session', { type: 'apiKey', in: 'cookie', name: session?.cookie ?? '' }]
    case 'client-certificate':
      return ['clientCertificate', { type: 'mutualTLS' }]
  }
}
