import type { FastifyPluginAsync, RouteSecurity } from 'fastify'
import { describe, expectTypeOf, it } from 'vitest'
import __camel__, { type __Concern__Options, type __Concern__Route } from '../src/index.ts'

describe('the types of @portcullis/__concern__', () => {
  it('make it a plugin with its own options', () => {
    expectTypeOf(__camel__).toEqualTypeOf<FastifyPluginAsync<__Concern__Options>>()
  })

  it('know its policy on a route', () => {
    expectTypeOf<RouteSecurity['__camel__']>().toEqualTypeOf<__Concern__Route | false | undefined>()
    // @ts-expect-error: a misspelt key
    void ({ __camel__: { feilds: [] } } satisfies RouteSecurity)
  })
})
