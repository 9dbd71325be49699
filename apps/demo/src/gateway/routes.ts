import type { GatewayRoute } from '@portcullis/gateway'
import type {} from '@portcullis/security'
import type { RouteSecurity } from 'fastify'
import { type Scope, stepUpAge } from '../tokens.ts'
import { refreshCookie } from '../user-service/refresh-cookie.ts'
import { exportPace, perAddress, perLoginAddress, perRegisterAddress } from './limits.ts'

// A page of another origin, even of the same site, cannot sign anybody in or out.
const ownPages: RouteSecurity['cors'] = { refuseForeignOrigins: true }
// By an access token or an API key.
const forUsers = (scope: Scope): RouteSecurity => ({ auth: { scopes: [scope] } })
// By an access token alone: whoever found a key can neither move money nor make further keys.
const forSignedIn = (scope: Scope): RouteSecurity => ({ auth: { scopes: [scope], anyOf: ['jwt'] } })
// And only by one whose user has given the password lately.
const forSteppedUp = (scope: Scope): RouteSecurity => ({
  auth: { scopes: [scope], anyOf: ['jwt'], stepUp: { maxAge: stepUpAge } },
})

/** Who may ask for what, and where it leads: the whole public surface beside `/openapi.json`. */
export const routes: GatewayRoute[] = [
  {
    methods: ['POST'],
    path: '/register',
    service: 'user-service',
    rewrite: '/api/register',
    security: { auth: false, cors: ownPages, rateLimit: { policies: [perAddress, perRegisterAddress] } },
    bodyLimit: 4096,
  },
  {
    methods: ['POST'],
    path: '/login',
    service: 'user-service',
    rewrite: '/api/login',
    security: { auth: false, cors: ownPages, rateLimit: { policies: [perAddress, perLoginAddress] } },
    bodyLimit: 4096,
    forwardCookies: [refreshCookie],
  },
  {
    methods: ['POST'],
    path: '/refresh',
    service: 'user-service',
    rewrite: '/api/refresh',
    security: { auth: false, cors: ownPages, rateLimit: { policies: [perAddress] } },
    bodyLimit: 0,
    forwardCookies: [refreshCookie],
  },
  {
    methods: ['POST'],
    path: '/logout',
    service: 'user-service',
    rewrite: '/api/logout',
    security: { auth: false, cors: ownPages, rateLimit: { policies: [perAddress] } },
    bodyLimit: 0,
    forwardCookies: [refreshCookie],
  },
  {
    methods: ['POST'],
    path: '/logout/everywhere',
    service: 'user-service',
    rewrite: '/api/logout/everywhere',
    // Not by user: whoever stole a token could spend that, and keep the user from ending it.
    security: { ...forSignedIn('sessions:manage'), rateLimit: { policies: [perAddress] } },
    bodyLimit: 0,
  },
  {
    methods: ['POST'],
    path: '/step-up',
    service: 'user-service',
    rewrite: '/api/step-up',
    security: forSignedIn('sessions:manage'),
    bodyLimit: 4096,
  },
  {
    methods: ['GET'],
    path: '/sessions',
    service: 'user-service',
    rewrite: '/api/sessions',
    security: forSignedIn('sessions:manage'),
  },
  {
    methods: ['DELETE'],
    path: '/sessions/:id',
    service: 'user-service',
    rewrite: '/api/sessions/:id',
    security: forSignedIn('sessions:manage'),
    bodyLimit: 0,
  },
  {
    methods: ['GET'],
    path: '/api-keys',
    service: 'user-service',
    rewrite: '/api/api-keys',
    security: forSignedIn('keys:manage'),
  },
  {
    methods: ['POST'],
    path: '/api-keys',
    service: 'user-service',
    rewrite: '/api/api-keys',
    security: forSteppedUp('keys:manage'),
    bodyLimit: 4096,
  },
  {
    methods: ['DELETE'],
    path: '/api-keys/:id',
    service: 'user-service',
    rewrite: '/api/api-keys/:id',
    security: forSignedIn('keys:manage'),
    bodyLimit: 0,
  },
  {
    methods: ['GET'],
    path: '/users/profile',
    service: 'user-service',
    rewrite: '/api/profile',
    security: forUsers('profile:read'),
  },
  {
    methods: ['GET'],
    path: '/users',
    service: 'user-service',
    rewrite: '/api/users',
    security: forUsers('users:read'),
  },
  {
    methods: ['GET'],
    path: '/posts',
    service: 'user-service',
    rewrite: '/api/posts',
    security: forUsers('posts:read'),
  },
  {
    methods: ['GET'],
    path: '/posts/export',
    service: 'user-service',
    rewrite: '/api/posts/export',
    security: { ...forUsers('posts:read'), throttle: { rate: exportPace } },
  },
  {
    methods: ['POST'],
    path: '/posts',
    service: 'user-service',
    rewrite: '/api/posts',
    security: forUsers('posts:write'),
  },
  {
    methods: ['GET'],
    path: '/posts/:id/comments',
    service: 'user-service',
    rewrite: '/api/posts/:id/comments',
    security: forUsers('posts:read'),
  },
  {
    methods: ['POST'],
    path: '/posts/:id/comments',
    service: 'user-service',
    rewrite: '/api/posts/:id/comments',
    security: forUsers('posts:write'),
  },
  {
    methods: ['GET'],
    path: '/accounts',
    service: 'payment-service',
    rewrite: '/api/accounts',
    security: forUsers('accounts:read'),
  },
  {
    methods: ['POST'],
    path: '/transfer',
    service: 'payment-service',
    rewrite: '/api/transfer',
    security: forSteppedUp('transfers:write'),
  },
]
