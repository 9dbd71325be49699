export type {} from './types.ts'

export { clearSiteData, type SiteData } from './clear-site-data.ts'
export { errors } from './errors.ts'
export type { ContentSecurityPolicy, HeadersOptions, HeadersRoute, PermissionsPolicy, Profile } from './options.ts'
export { default } from './plugin.ts'
