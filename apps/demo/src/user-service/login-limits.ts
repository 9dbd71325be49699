import type { SecurityOptions } from '@portcullis/security'
import type { RouteSecurity } from 'fastify'
import type { Redis } from 'ioredis'
import type { Limits } from '../limits.ts'

type LoginGuard = NonNullable<Exclude<RouteSecurity['rateLimit'], false | undefined>['loginGuard']>

/** Who guesses passwords has to wait: each further attempt twice as long as the one before it. */
export interface LoginGuards {
  /** Signing in: failures of one address at one account, at an account from wherever, of one address at all. */
  readonly signIn: LoginGuard
  /** Giving the password again is guessing, too: the same counts, by user, for whoever holds a stolen access token. */
  readonly stepUp: LoginGuard
}

/** Addresses are the gateway's clients'. */
export function loginGuards({ failures }: Limits): LoginGuards {
  return {
    signIn: { ...failures, account: { body: 'username' }, delay: { first: 30 } },
    stepUp: {
      ...failures,
      name: 'step-up',
      account: (request) => request.security.identity?.subject ?? null,
      delay: { first: 30 },
    },
  }
}

/** Limits of the user service: what all together may ask, beside what the gateway grants each address and user. */
export function loginLimits(redis: Redis | undefined): NonNullable<SecurityOptions['rateLimit']> {
  return {
    policies: [{ name: 'user-service', limit: 1_000_000, window: 60, partitionBy: 'global' }],
    store: { prefix: 'ptc:users:', ...(redis === undefined ? {} : { redis }) },
  }
}
