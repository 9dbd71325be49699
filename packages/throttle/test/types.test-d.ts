import type { FastifyPluginAsync, RouteSecurity } from 'fastify'
import { describe, expectTypeOf, it } from 'vitest'
import throttle, { type ThrottleOptions, type ThrottleRoute } from '../src/index.ts'

describe('the types of @portcullis/throttle', () => {
  it('make it a plugin with its own options', () => {
    expectTypeOf(throttle).toEqualTypeOf<FastifyPluginAsync<ThrottleOptions>>()
  })

  it('know its policy on a route', () => {
    expectTypeOf<RouteSecurity['throttle']>().toEqualTypeOf<ThrottleRoute | false | undefined>()
    void ({ throttle: { rate: { limit: 5 }, shed: false } } satisfies RouteSecurity)
    // @ts-expect-error: a misspelt key
    void ({ throttle: { rat: { limit: 5 } } } satisfies RouteSecurity)
    // @ts-expect-error: a registration says how many
    void ({ rate: {} } satisfies ThrottleOptions)
  })
})
