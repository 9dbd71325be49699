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
      match: { method: 'POST', path: '/register' },
      upstream: 'user-service',
      rewrite: '/api/register',
      policy: { ...takes('body'), auth: false, rateLimit: { policies: [perAddress, perRegisterAddress] } },
      bodyLimit: 4096,
    },
    {
      match: { method: 'POST', path: '/login' },
      upstream: 'user-service',
      rewrite: '/api/login',
      policy: { ...takes('body'), auth: false, rateLimit: { policies: [perAddress, perLoginAddress] } },
      bodyLimit: 4096,
      forwardCookies: [refreshCookie],
    },
    {
      match: { method: 'POST', path: '/refresh' },
      upstream: 'user-service',
      rewrite: '/api/refresh',
      policy: { ...takes(), auth: false, rateLimit: { policies: [perAddress] } },
      bodyLimit: 0,
      forwardCookies: [refreshCookie],
    },
    {
      match: { method: 'POST', path: '/logout' },
      upstream: 'user-service',
      rewrite: '/api/logout',
      policy: { ...takes(), auth: false, rateLimit: { policies: [perAddress] } },
      bodyLimit: 0,
      forwardCookies: [refreshCookie],
    },
    {
      match: { method: 'POST', path: '/logout/everywhere' },
      upstream: 'user-service',
      rewrite: '/api/logout/everywhere',
      // Not by user: whoever stole a token could spend that, and keep the user from ending it.
      policy: { ...takes(), ...forSignedIn('sessions:manage'), rateLimit: { policies: [perAddress] } },
      bodyLimit: 0,
    },
    {
      match: { method: 'POST', path: '/step-up' },
      upstream: 'user-service',
      rewrite: '/api/step-up',
      policy: { ...takes('body'), ...forSignedIn('sessions:manage') },
      bodyLimit: 4096,
    },
    {
      match: { path: '/sessions' },
      upstream: 'user-service',
      rewrite: '/api/sessions',
      policy: { ...takes(), ...forSignedIn('sessions:manage') },
    },
    {
      match: { method: 'DELETE', path: '/sessions/:id' },
      upstream: 'user-service',
      rewrite: '/api/sessions/:id',
      policy: { ...takes('params'), ...forSignedIn('sessions:manage') },
      bodyLimit: 0,
    },
    {
      match: { path: '/api-keys' },
      upstream: 'user-service',
      rewrite: '/api/api-keys',
      policy: { ...takes(), ...forSignedIn('keys:manage') },
    },
    {
      match: { method: 'POST', path: '/api-keys' },
      upstream: 'user-service',
      rewrite: '/api/api-keys',
      policy: { ...takes('body'), ...forSteppedUp('keys:manage') },
      bodyLimit: 4096,
    },
    {
      match: { method: 'DELETE', path: '/api-keys/:id' },
      upstream: 'user-service',
      rewrite: '/api/api-keys/:id',
      policy: { ...takes('params'), ...forSignedIn('keys:manage') },
      bodyLimit: 0,
    },
    {
      match: { path: '/users/profile' },
      upstream: 'user-service',
      rewrite: '/api/profile',
      policy: { ...takes(), ...forUsers('profile:read') },
    },
    {
      match: { path: '/users' },
      upstream: 'user-service',
      rewrite: '/api/users',
      policy: { ...takes('query'), ...forUsers('users:read') },
    },
    {
      match: { path: '/posts' },
      upstream: 'user-service',
      rewrite: '/api/posts',
      policy: { ...takes(), ...forUsers('posts:read') },
    },
    {
      match: { path: '/posts/export' },
      upstream: 'user-service',
      rewrite: '/api/posts/export',
      policy: { ...takes(), ...forUsers('posts:read'), throttle: { rate: exportPace } },
    },
    {
      match: { method: 'POST', path: '/posts' },
      upstream: 'user-service',
      rewrite: '/api/posts',
      policy: { ...takes('body'), ...forUsers('posts:write') },
    },
    {
      match: { path: '/posts/:id/comments' },
      upstream: 'user-service',
      rewrite: '/api/posts/:id/comments',
      policy: { ...takes('params'), ...forUsers('posts:read') },
    },
    {
      match: { method: 'POST', path: '/posts/:id/comments' },
      upstream: 'user-service',
      rewrite: '/api/posts/:id/comments',
      policy: { ...takes('body', 'params'), ...forUsers('posts:write') },
    },
    {
      match: { path: '/accounts' },
      upstream: 'payment-service',
      rewrite: '/api/accounts',
      policy: { ...takes(), ...forUsers('accounts:read') },
    },
    {
      match: { method: 'POST', path: '/transfer' },
      upstream: 'payment-service',
      rewrite: '/api/transfer',
      policy: { ...takes('body'), ...forSteppedUp('transfers:write') },
    },
  ]
}
