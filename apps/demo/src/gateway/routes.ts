import type { GatewayRoute } from '@portcullis/gateway'
import type {} from '@portcullis/security'
import type { RouteSecurity } from 'fastify'
import { type Scope, stepUpAge } from '../tokens.ts'
import { refreshCookie } from '../user-service/refresh-cookie.ts'
import { exportPace, type Quotas } from './limits.ts'

type Taken = NonNullable<Exclude<RouteSecurity['validation'], false | undefined>['empty']>

/**
 * What a route takes of a client: the services have the schemas, and check by them; the gateway refuses whatever else
 * comes, and bodies that are no sound JSON.
 */
function takes(...parts: Taken): RouteSecurity {
  const others = (['body', 'query', 'params'] as const).filter((part) => !parts.includes(part))
  return { validation: { dangerouslyAdmitUndeclared: parts, empty: others } }
}

// By an access token or an API key.
const forUsers = (scope: Scope): RouteSecurity => ({ auth: { scopes: [scope] } })
// By an access token alone: whoever found a key can neither move money nor make further keys.
const forSignedIn = (scope: Scope): RouteSecurity => ({ auth: { scopes: [scope], anyOf: ['jwt'] } })
// And only by one whose user has given the password lately.
const forSteppedUp = (scope: Scope): RouteSecurity => ({
  auth: { scopes: [scope], anyOf: ['jwt'], stepUp: { maxAge: stepUpAge } },
})

/** Who may ask for what, and where it leads: the whole public surface beside `/openapi.json`. */
export function routes({ perAddress, perLoginAddress, perRegisterAddress }: Quotas): GatewayRoute[] {
  return [
    {
      methods: ['POST'],
      path: '/register',
      service: 'user-service',
      rewrite: '/api/register',
      security: { ...takes('body'), auth: false, rateLimit: { policies: [perAddress, perRegisterAddress] } },
      bodyLimit: 4096,
    },
    {
      methods: ['POST'],
      path: '/login',
      service: 'user-service',
      rewrite: '/api/login',
      security: { ...takes('body'), auth: false, rateLimit: { policies: [perAddress, perLoginAddress] } },
      bodyLimit: 4096,
      forwardCookies: [refreshCookie],
    },
    {
      methods: ['POST'],
      path: '/refresh',
      service: 'user-service',
      rewrite: '/api/refresh',
      security: { ...takes(), auth: false, rateLimit: { policies: [perAddress] } },
      bodyLimit: 0,
      forwardCookies: [refreshCookie],
    },
    {
      methods: ['POST'],
      path: '/logout',
      service: 'user-service',
      rewrite: '/api/logout',
      security: { ...takes(), auth: false, rateLimit: { policies: [perAddress] } },
      bodyLimit: 0,
      forwardCookies: [refreshCookie],
    },
    {
      methods: ['POST'],
      path: '/logout/everywhere',
      service: 'user-service',
      rewrite: '/api/logout/everywhere',
      // Not by user: whoever stole a token could spend that, and keep the user from ending it.
      security: { ...takes(), ...forSignedIn('sessions:manage'), rateLimit: { policies: [perAddress] } },
      bodyLimit: 0,
    },
    {
      methods: ['POST'],
      path: '/step-up',
      service: 'user-service',
      rewrite: '/api/step-up',
      security: { ...takes('body'), ...forSignedIn('sessions:manage') },
      bodyLimit: 4096,
    },
    {
      methods: ['GET'],
      path: '/sessions',
      service: 'user-service',
      rewrite: '/api/sessions',
      security: { ...takes(), ...forSignedIn('sessions:manage') },
    },
    {
      methods: ['DELETE'],
      path: '/sessions/:id',
      service: 'user-service',
      rewrite: '/api/sessions/:id',
      security: { ...takes('params'), ...forSignedIn('sessions:manage') },
      bodyLimit: 0,
    },
    {
      methods: ['GET'],
      path: '/api-keys',
      service: 'user-service',
      rewrite: '/api/api-keys',
      security: { ...takes(), ...forSignedIn('keys:manage') },
    },
    {
      methods: ['POST'],
      path: '/api-keys',
      service: 'user-service',
      rewrite: '/api/api-keys',
      security: { ...takes('body'), ...forSteppedUp('keys:manage') },
      bodyLimit: 4096,
    },
    {
      methods: ['DELETE'],
      path: '/api-keys/:id',
      service: 'user-service',
      rewrite: '/api/api-keys/:id',
      security: { ...takes('params'), ...forSignedIn('keys:manage') },
      bodyLimit: 0,
    },
    {
      methods: ['GET'],
      path: '/users/profile',
      service: 'user-service',
      rewrite: '/api/profile',
      security: { ...takes(), ...forUsers('profile:read') },
    },
    {
      methods: ['GET'],
      path: '/users',
      service: 'user-service',
      rewrite: '/api/users',
      security: { ...takes('query'), ...forUsers('users:read') },
    },
    {
      methods: ['GET'],
      path: '/posts',
      service: 'user-service',
      rewrite: '/api/posts',
      security: { ...takes(), ...forUsers('posts:read') },
    },
    {
      methods: ['GET'],
      path: '/posts/export',
      service: 'user-service',
      rewrite: '/api/posts/export',
      security: { ...takes(), ...forUsers('posts:read'), throttle: { rate: exportPace } },
    },
    {
      methods: ['POST'],
      path: '/posts',
      service: 'user-service',
      rewrite: '/api/posts',
      security: { ...takes('body'), ...forUsers('posts:write') },
    },
    {
      methods: ['GET'],
      path: '/posts/:id/comments',
      service: 'user-service',
      rewrite: '/api/posts/:id/comments',
      security: { ...takes('params'), ...forUsers('posts:read') },
    },
    {
      methods: ['POST'],
      path: '/posts/:id/comments',
      service: 'user-service',
      rewrite: '/api/posts/:id/comments',
      security: { ...takes('body', 'params'), ...forUsers('posts:write') },
    },
    {
      methods: ['GET'],
      path: '/accounts',
      service: 'payment-service',
      rewrite: '/api/accounts',
      security: { ...takes(), ...forUsers('accounts:read') },
    },
    {
      methods: ['POST'],
      path: '/transfer',
      service: 'payment-service',
      rewrite: '/api/transfer',
      security: { ...takes('body'), ...forSteppedUp('transfers:write') },
    },
  ]
}
