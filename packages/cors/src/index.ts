import plugin from './plugin.ts'

export type {} from './types.ts'
export type { CorsOptions, CorsRoute } from './options.ts'
export type { FindOrigin, LookupSettings } from './lookup.ts'
export { optionsSchema, routeSchema } from './options.ts'
export { errors } from './errors.ts'
export { events } from './events.ts'
export { defineCors } from './literals.ts'
export { reconfigure } from './reconfigure.ts'
export default plugin
