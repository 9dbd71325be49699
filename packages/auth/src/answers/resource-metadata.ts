import type { Finding, ObjectSchema } from '@portcullis/kernel'
import { scopesSchema } from '../access/route-options.ts'

/** What this API says of itself to clients that do not know it (OAuth 2.0 Protected Resource Metadata, RFC 9728). */
export interface ResourceMetadataOptions {
  /** This API's name: its URL, https, as clients know it. */
  resource: string
  /** Issuers whose tokens it accepts. Default: those of `jwt`. */
  authorizationServers?: string[]
  /** Scopes that clients may ask for. Default: not said. */
  scopes?: string[]
}

const url = { type: 'string', minLength: 1 } as const

/** Schema of `resourceMetadata`. */
export const resourceMetadataSchema: ObjectSchema = {
  type: 'object',
  description: 'What this API says of itself to clients (RFC 9728): a route for it, and where it is in each challenge.',
  additionalProperties: false,
  required: ['resource'],
  properties: {
    resource: {
      ...url,
      description: 'This API’s name: its URL, https, as clients know it.',
      examples: ['https://api.example.com'],
    },
    authorizationServers: {
      description: 'Issuers whose tokens it accepts; absent: those of `jwt`.',
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { ...url, examples: ['https://id.example.com'] },
      examples: [['https://id.example.com']],
    },
    scopes: { ...scopesSchema, description: 'Scopes that clients may ask for.', examples: [['profile:read']] },
  },
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** Path of the document: the resource's own path follows the well-known one (§3.1). */
export function metadataPath(resource: string): string {
  const { pathname } = new URL(resource)
  return `${WELL_KNOWN}${pathname === '/' ? '' : pathname}`
}

/** URL of the document, as challenges name it (§5.1). */
export function metadataUrl(resource: string): string {
  return `${new URL(resource).origin}${metadataPath(resource)}`
}

/** The document (§2). */
export function metadataOf(
  { resource, authorizationServers, scopes }: Readonly<ResourceMetadataOptions>,
  issuers: readonly string[],
): Readonly<Record<string, unknown>> {
  const servers = authorizationServers ?? issuers
  return {
    resource,
    ...(servers.length === 0 ? {} : { authorization_servers: servers }),
    ...(scopes === undefined ? {} : { scopes_supported: scopes }),
    bearer_methods_supported: ['header'],
  }
}

/** §1.2: https, no query of use to anybody, no fragment. */
export function checkResourceMetadata({ resource }: Readonly<ResourceMetadataOptions>): Finding[] {
  // Its path becomes a route, in which `:` and `*` mean something, and stands in a quoted-string.
  const { protocol, search, hash, username, pathname } = new URL(URL.canParse(resource) ? resource : 'none:')
  const plain = /^[A-Za-z0-9._~/-]*$/.test(pathname) && !/["\\\s]/.test(resource)
  if (protocol === 'https:' && search === '' && hash === '' && username === '' && plain) return []
  return [
    {
      at: '/resourceMetadata/resource',
      rule: 'unsafe-url',
      message:
        "is not an https URL of plain letters without query and fragment; write resource: 'https://api.example.com'",
      fix: [{ op: 'replace', path: '/resourceMetadata/resource', value: 'https://api.example.com' }],
    },
  ]
}
