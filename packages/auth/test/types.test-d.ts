import type { FastifyRequest, RouteSecurity, SecurityIdentity } from 'fastify'
import { expectTypeOf } from 'vitest'
import auth, { type AuthOptions, createApiKey, type Scope } from '../src/index.ts'

declare module 'fastify' {
  interface SecurityScopes {
    'profile:read': true
    'profile:write': true
  }
}

expectTypeOf<Scope>().toEqualTypeOf<'profile:read' | 'profile:write'>()
expectTypeOf<FastifyRequest['security']['identity']>().toEqualTypeOf<SecurityIdentity | null>()
expectTypeOf(createApiKey({ subject: 'a' }).entry.hash).toBeString()
expectTypeOf(auth).parameter(1).toEqualTypeOf<AuthOptions>()

export const open = { auth: false } satisfies RouteSecurity
export const anyIdentity = { auth: {} } satisfies RouteSecurity
export const reader = { auth: { scopes: ['profile:read'], anyOf: ['jwt', 'basic'] } } satisfies RouteSecurity

export const transfer = {
  auth: { roles: ['customer'], stepUp: { maxAge: 300 }, owner: async () => ({ subject: 'a', issuer: 'b' }) },
} satisfies RouteSecurity

const ownerOf = (id: string): string => id
export const byParam = { auth: { owner: ({ params }) => ownerOf(params.id) } } satisfies RouteSecurity
export const byTypedParam = {
  auth: { owner: async ({ params }: FastifyRequest<{ Params: { id: string } }>) => ownerOf(params.id) },
} satisfies RouteSecurity
export const byRequest = {
  auth: { owner: (request: FastifyRequest) => request.security.identity?.subject ?? null },
} satisfies RouteSecurity

// @ts-expect-error an owner is a subject, with its issuer or without
export const rowOwner = { auth: { owner: () => ({ id: 7 }) } } satisfies RouteSecurity
// @ts-expect-error an age is a number of seconds
export const words = { auth: { stepUp: { maxAge: '5m' } } } satisfies RouteSecurity
// @ts-expect-error introspection without credentials of the API
export const unproven: AuthOptions = { introspection: { endpoint: 'https://id.example.com/introspect' } }
// @ts-expect-error a session has an end
export const endless: AuthOptions = { session: { find: () => ({ subject: 'a' }) } }
// @ts-expect-error a scope that the API does not have
export const unknownScope = { auth: { scopes: ['profile:raed'] } } satisfies RouteSecurity
// @ts-expect-error a misspelt option
export const misspelt = { auth: { scope: ['profile:read'] } } satisfies RouteSecurity
// @ts-expect-error true says nothing
export const yes = { auth: true } satisfies RouteSecurity
// @ts-expect-error `none` is no algorithm
export const none: AuthOptions = { jwt: { key: '', algorithms: ['none'], issuer: '', audience: '' } }
// @ts-expect-error an identity without a subject is none
export const nobody: AuthOptions = { basic: { verify: () => ({ scopes: [] }) } }
