import type { SecurityOptions } from '@portcullis/security'
import type { RouteSecurity } from 'fastify'
import type { Redis } from 'ioredis'

type LoginGuard = NonNullable<Exclude<RouteSecurity['rateLimit'], false | undefined>['loginGuard']>

/**
 * Signing in: five failures of one address at one account, twenty at an account from wherever, fifty of one address;
 * then each further attempt waits twice as long as the one before it. Addresses are the gateway's clients'.
 */
export const loginGuard: LoginGuard = { account: { body: 'username' }, delay: { first: 30 } }

/** Giving the password again is guessing, too: the same counts, by user, for whoever holds a stolen access token. */
export const stepUpGuard: LoginGuard = {
  name: 'step-up',
  account: (request) => request.security.identity?.subject ?? null,
  delay: { first: 30 },
}

/** Limits of the user service: what all together may ask, beside what the gateway grants each address and user. */
export function loginLimits(redis: Redis | undefined): NonNullable<SecurityOptions['rateLimit']> {
  return {
    policies: [{ name: 'user-service', limit: 100_000, window: 60, partitionBy: 'global' }],
    store: { prefix: 'ptc:users:', ...(redis === undefined ? {} : { redis }) },
  }
}
