/** Who issues access tokens, and for whom: what the user service writes into each and the gateway requires of it. */
export const accessTokens = {
  issuer: 'https://id.portcullis.localhost',
  audience: 'https://api.portcullis.localhost',
  algorithm: 'ES256',
  /** Seconds. Sessions that end take their access tokens along. */
  lifetime: 300,
} as const

/** What an API key may be given: nothing that moves money, and nothing that rules over sessions and keys. */
export const keyScopes = ['profile:read', 'users:read', 'posts:read', 'posts:write', 'accounts:read'] as const

/** What a signed-in user may ask for; each route of the gateway requires one of them. */
export const scopes = [...keyScopes, 'transfers:write', 'sessions:manage', 'keys:manage'] as const

/** One of the scopes. */
export type Scope = (typeof scopes)[number]

/** What an API key may be given. */
export type KeyScope = (typeof keyScopes)[number]

/** The gateway's own scope at the user service, to find API keys and to tell of their use: no user and no key has it. */
export const findKeys = 'keys:find'

declare module 'fastify' {
  interface SecurityScopes extends Record<Scope | typeof findKeys, true> {}
}

/** Seconds since the password was given, at most, for whatever moves money or makes a credential (RFC 9470). */
export const stepUpAge = 300

/** How API keys begin, so that whoever finds one knows whose it is. */
export const keyPrefix = 'demo'
