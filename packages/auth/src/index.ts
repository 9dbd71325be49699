import plugin from './plugin.ts'

export { type ApiKeyEntry, createApiKey, type FindApiKey, hashApiKey } from './api-key.ts'
export type { BasicIdentity, VerifyBasic } from './basic.ts'
export { errors } from './errors.ts'
export { events } from './events.ts'
export type { Scheme } from './identity.ts'
export type { IssuerOptions, JwtOptions } from './jwt-options.ts'
export type { ApiKeyOptions, AuthOptions, BasicOptions } from './options.ts'
export { auth0, cognito, entra, google, keycloak } from './providers.ts'
export type { AuthRoute, Scope } from './route-options.ts'
export type { Algorithm, KeyMaterial } from './verification-key.ts'
export type {} from './types.ts'
export default plugin
