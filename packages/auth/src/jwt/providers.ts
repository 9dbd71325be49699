import type { IssuerOptions } from './options.ts'

/** What a provider's tokens are checked with: plain options, so that every relaxation is seen in `describeSecurity`. */
export type ProviderOptions = Readonly<IssuerOptions>

/**
 * Access tokens of Auth0.
 * @param given `domain` such as `example.eu.auth0.com`; `audience`, the API's identifier; `profile`, the API's token
 * profile: `rfc9068` unless it is Auth0's own, whose tokens cannot be told from others by their `typ`
 */
export function auth0(given: {
  readonly domain: string
  readonly audience: string
  readonly profile?: 'rfc9068' | 'auth0'
}): ProviderOptions {
  const issuer = `https://${given.domain}/`
  return {
    issuer,
    audience: given.audience,
    jwks: `${issuer}.well-known/jwks.json`,
    algorithms: ['RS256'],
    tokenType: given.profile === 'auth0' ? 'JWT' : 'at+jwt',
  }
}

/**
 * Access tokens of Microsoft Entra ID, version 2.0, of one tenant. Give the API an application of its own: ID tokens of
 * an application have the same `typ` and are told apart by their audience alone.
 * @param given `tenantId`, a GUID (tokens of `common` and `organizations` name the tenant they are of); `clientId`, the
 * application ID of this API
 */
export function entra(given: { readonly tenantId: string; readonly clientId: string }): ProviderOptions {
  const authority = `https://login.microsoftonline.com/${given.tenantId}`
  return {
    issuer: `${authority}/v2.0`,
    audience: given.clientId,
    jwks: `${authority}/discovery/v2.0/keys`,
    algorithms: ['RS256'],
    tokenType: 'JWT',
    scopesClaim: 'scp',
    // An access token of version 1.0 has another issuer too; this says so in words.
    claims: { tid: given.tenantId, ver: '2.0' },
  }
}

/**
 * Access tokens of a Keycloak realm. Its ID and refresh tokens have the same `typ` header: the claim `typ` tells them
 * apart. The audience is missing until the client has an audience mapper. Roles are those of the realm.
 * @param given `url` such as `https://sso.example.com`, without a slash at its end; `realm`; `audience`; `client`, whose
 * own roles count instead of the realm's
 */
export function keycloak(given: {
  readonly url: string
  readonly realm: string
  readonly audience: string
  readonly client?: string
}): ProviderOptions {
  const issuer = `${given.url}/realms/${given.realm}`
  return {
    issuer,
    audience: given.audience,
    jwks: `${issuer}/protocol/openid-connect/certs`,
    algorithms: ['RS256'],
    tokenType: 'JWT',
    claims: { typ: 'Bearer' },
    scopesClaim: 'scope',
    rolesClaim: given.client === undefined ? ['realm_access', 'roles'] : ['resource_access', given.client, 'roles'],
  }
}

/**
 * Access tokens of an Amazon Cognito user pool. They have neither `aud` nor `typ`: `client_id` names the app client, and
 * `token_use` tells them from ID tokens.
 * @param given `region` such as `eu-central-1`; `userPoolId`; `clientId`, the app client whose tokens are accepted
 */
export function cognito(given: {
  readonly region: string
  readonly userPoolId: string
  readonly clientId: string
}): ProviderOptions {
  const issuer = `https://cognito-idp.${given.region}.amazonaws.com/${given.userPoolId}`
  return {
    issuer,
    audience: given.clientId,
    audienceClaim: 'client_id',
    jwks: `${issuer}/.well-known/jwks.json`,
    algorithms: ['RS256'],
    tokenType: 'absent',
    claims: { token_use: 'access' },
    scopesClaim: 'scope',
  }
}

/**
 * ID tokens of Google, as service accounts and front ends send them: Google's access tokens are opaque. They grant no
 * scopes.
 * @param given `clientId`, what `aud` must be; `hostedDomain` admits only accounts of that Workspace domain
 */
export function google(given: { readonly clientId: string; readonly hostedDomain?: string }): ProviderOptions {
  return {
    issuer: 'https://accounts.google.com',
    audience: given.clientId,
    jwks: 'https://www.googleapis.com/oauth2/v3/certs',
    algorithms: ['RS256'],
    tokenType: 'JWT',
    ...(given.hostedDomain === undefined ? {} : { claims: { hd: given.hostedDomain } }),
  }
}
