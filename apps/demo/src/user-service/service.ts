import cookie from '@fastify/cookie'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import type pg from 'pg'
import { createPrivateService, type PrivateServiceOptions } from '../private-service.ts'
import type { TokenIssuer } from '../tokens.ts'
import { loginLimits } from './login-limits.ts'
import { postRoutes } from './post-routes.ts'
import { profileRoutes } from './profile-routes.ts'
import { sessionRoutes } from './session-routes.ts'

/** What the user service works with. */
export interface UserServiceParts {
  readonly pool: pg.Pool
  readonly tokens: TokenIssuer
  readonly redis: Redis | undefined
}

/** The private user service: users, sessions, posts. It alone holds passwords and the key of access tokens. */
export async function createUserService(
  options: Omit<PrivateServiceOptions, 'audience'>,
  parts: UserServiceParts,
): Promise<FastifyInstance> {
  const app = await createPrivateService({
    ...options,
    audience: 'user-service',
    rateLimit: loginLimits(parts.redis),
  })
  await app.register(cookie)
  sessionRoutes(app, parts)
  profileRoutes(app, parts)
  postRoutes(app, parts)
  return app
}
