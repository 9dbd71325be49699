import type { FastifyPluginAsync, FastifyReply, FastifyRequest, RouteSecurity } from 'fastify'
import { describe, expectTypeOf, it } from 'vitest'
import csrf, { type CsrfOptions, type CsrfRoute, csrfToken, rotateToken } from '../src/index.ts'

describe('the types of @portcullis/csrf', () => {
  it('make it a plugin with its own options', () => {
    expectTypeOf(csrf).toEqualTypeOf<FastifyPluginAsync<CsrfOptions>>()
  })

  it('know its policy on a route, which has no keys of its own', () => {
    expectTypeOf<RouteSecurity['csrf']>().toEqualTypeOf<CsrfRoute | false | undefined>()
    // @ts-expect-error: a misspelt key
    void ({ csrf: { orgins: [] } } satisfies RouteSecurity)
    // @ts-expect-error: keys belong to the registration
    void ({ csrf: { secrets: [] } } satisfies RouteSecurity)
  })

  it('want origins', () => {
    // @ts-expect-error: whose pages may change state is nobody else's to say
    void ({} satisfies CsrfOptions)
  })

  it('hand tokens out as text', () => {
    expectTypeOf(csrfToken).toEqualTypeOf<(request: FastifyRequest, reply: FastifyReply) => string>()
    expectTypeOf(rotateToken).returns.toBeString()
  })
})
