import cookie from '@fastify/cookie'
import type { FastifyInstance } from 'fastify'
import type { Redis } from 'ioredis'
import { createPrivateService, type PrivateServiceOptions } from '../private-service.ts'
import { apiKeyRoutes } from './api-key-routes.ts'
import { issuing, type IssuingParts } from './issuing.ts'
import { loginLimits } from './login-limits.ts'
import { postRoutes } from './post-routes.ts'
import { profileRoutes } from './profile-routes.ts'
import { sessionRoutes } from './session-routes.ts'
import { signInRoutes } from './sign-in-routes.ts'

/** What the user service works with. */
export interface UserServiceParts extends IssuingParts {
  readonly redis: Redis | undefined
}

/**
 * The private user service: users, sessions, API keys, posts. It alone holds passwords and the keys that sign access
 * tokens; their public halves are at `/.well-known/jwks.json`.
 */
export async function createUserService(
  options: Omit<PrivateServiceOptions, 'audience' | 'rooms'>,
  parts: UserServiceParts,
): Promise<FastifyInstance> {
  const app = await createPrivateService({
    ...options,
    audience: 'user-service',
    rooms: { rateLimit: loginLimits(parts.redis), issuer: issuing(parts) },
  })
  await app.register(cookie)
  signInRoutes(app, parts)
  sessionRoutes(app, parts)
  apiKeyRoutes(app, parts)
  profileRoutes(app, parts)
  postRoutes(app, parts)
  return app
}
