export type {} from './types.ts'

export { developmentCertificates, type DevelopmentCertificates } from './development-certificates.ts'
export { errors } from './errors.ts'
export { events } from './events.ts'
export type { HstsOptions, HttpsOptions, PlaintextOptions } from './options.ts'
export { default, plaintextAddress } from './plugin.ts'
export { tlsServerOptions, type TlsOptions } from './tls-server-options.ts'
