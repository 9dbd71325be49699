import type {} from '@portcullis/security'
import type { RouteSecurity } from 'fastify'

type Policy = NonNullable<Exclude<RouteSecurity['rateLimit'], false | undefined>['policies']>[number]
type Pace = NonNullable<Exclude<Exclude<RouteSecurity['throttle'], false | undefined>['rate'], false>>

/** Everybody, on every route: what one address may ask. */
export const perAddress: Policy = { name: 'per-address', limit: 300, window: 60, partitionBy: 'ip' }

/** Signed-in users, unless a route says otherwise. */
export const perUser: Policy = { name: 'per-user', limit: 100, window: 60, partitionBy: 'identity' }

/** Signing in, beside the login guard of the user service. */
export const perLoginAddress: Policy = { name: 'login-per-address', limit: 20, window: 60, partitionBy: 'ip' }

/** Registering costs us a password hash, and leaves a row behind. */
export const perRegisterAddress: Policy = { name: 'register-per-address', limit: 20, window: 60, partitionBy: 'ip' }

/** Reading all posts is slow work: users get it at this pace, and wait rather than being refused. */
export const exportPace: Pace = { limit: 10, window: 1, partitionBy: 'identity' }
