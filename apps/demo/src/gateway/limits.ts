import type {} from '@portcullis/security'
import type { RouteSecurity } from 'fastify'
import type { Limits } from '../limits.ts'

type Policy = NonNullable<Exclude<RouteSecurity['rateLimit'], false | undefined>['policies']>[number]
type Pace = NonNullable<Exclude<Exclude<RouteSecurity['throttle'], false | undefined>['rate'], false>>

/** The quotas of the gateway. */
export interface Quotas {
  /** Everybody, on every route: what one address may ask. */
  readonly perAddress: Policy
  /** Signed-in users, unless a route says otherwise. */
  readonly perUser: Policy
  /** Signing in, beside the login guard of the user service. */
  readonly perLoginAddress: Policy
  /** Registering costs us a password hash, and leaves a row behind. */
  readonly perRegisterAddress: Policy
}

/** The limits as policies. */
export function quotas({ perAddress, perUser, perLoginAddress, perRegisterAddress }: Limits): Quotas {
  return {
    perAddress: { name: 'per-address', limit: perAddress, window: 60, partitionBy: 'ip' },
    perUser: { name: 'per-user', limit: perUser, window: 60, partitionBy: 'identity' },
    perLoginAddress: { name: 'login-per-address', limit: perLoginAddress, window: 60, partitionBy: 'ip' },
    perRegisterAddress: { name: 'register-per-address', limit: perRegisterAddress, window: 60, partitionBy: 'ip' },
  }
}

/** Reading all posts is slow work: users get it at this pace, and wait rather than being refused. */
export const exportPace: Pace = { limit: 10, window: 1, partitionBy: 'identity' }
