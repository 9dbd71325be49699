import cookie from '@fastify/cookie'
import postgres from '@portcullis/sql'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { openPool } from '../database/pool.ts'
import { rights } from '../database/rights.ts'
import type { Limits } from '../limits.ts'
import { createPrivateService, type PrivateServiceOptions } from '../private-service.ts'
import { apiKeyRoutes } from './api-key-routes.ts'
import { issuing, type IssuingParts } from './issuing.ts'
import { loginGuards, loginLimits } from './login-limits.ts'
import { postRoutes } from './post-routes.ts'
import { profileRoutes } from './profile-routes.ts'
import { sessionRoutes } from './session-routes.ts'
import { signInRoutes } from './sign-in-routes.ts'

/** What the user service works with. */
export interface UserServiceParts extends Omit<IssuingParts, 'pool'> {
  /** Of the role for users, keys and posts. */
  readonly databaseUrl: string
  /** Of the role for the issuer's sessions and keys. */
  readonly issuerUrl: string
  readonly limits: Limits
  readonly redis: Redis | undefined
}

/**
 * The private user service: users, sessions, API keys, posts. It alone holds passwords and the keys that sign access
 * tokens; their public halves are at `/.well-known/jwks.json`.
 */
export async function createUserService(
  options: Omit<PrivateServiceOptions, 'audience' | 'rooms' | 'database'>,
  { databaseUrl, issuerUrl, limits, redis, ...parts }: UserServiceParts,
): Promise<FastifyInstance> {
  const pool = openPool(issuerUrl, 'issuer')
  const app = await createPrivateService({
    ...options,
    audience: 'user-service',
    database: { url: databaseUrl, rights: rights.users, rowSecurity: ['portcullis_users.api_keys'] },
    rooms: (service) => ({ rateLimit: loginLimits(redis), issuer: issuing({ ...parts, pool }, service) }),
  })
  // The issuer's statements are its own; its role is held to its rights all the same, and the pool ends with the room.
  await app.register((scope) => scope.register(postgres, { pool, rights: rights.issuer }))
  await app.register(cookie)
  const guards = loginGuards(limits)
  signInRoutes(app, guards)
  sessionRoutes(app, guards)
  apiKeyRoutes(app)
  profileRoutes(app)
  postRoutes(app)
  return app
}
