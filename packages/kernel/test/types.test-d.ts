import type { FastifyPluginAsync, FastifyRequest, SecurityIdentity } from 'fastify'
import { expectTypeOf } from 'vitest'
import { defineErrors, defineEvents, defineRoom, type Refusal, type RoomOptions } from '../src/index.ts'

const events = defineEvents({ 'auth.failed': { severity: 'warning', meaning: 'x' } })
expectTypeOf(events).toHaveProperty('auth.failed')

const errors = defineErrors({
  PTC_A: { status: 401, sentence: 'No.', event: events['auth.failed'], meaning: 'x' },
  PTC_B: { boot: 'bad %s', meaning: 'x' },
})
expectTypeOf(errors.PTC_A).toEqualTypeOf<Refusal>()
expectTypeOf(new errors.PTC_B('x')).toExtend<Error>()
// @ts-expect-error an event that the room does not have
void events['auth.faled']
// @ts-expect-error a code that the table does not have
void errors.PTC_C

const plugin: FastifyPluginAsync<{ a?: string } & RoomOptions> = defineRoom<{ a?: string }, { b?: number }>({
  concern: 'auth',
  optionsSchema: { type: 'object', additionalProperties: false },
  setup: () => ({
    compile(policy, subject) {
      expectTypeOf(policy.a).toEqualTypeOf<string | undefined>()
      expectTypeOf(policy.b).toEqualTypeOf<number | undefined>()
      expectTypeOf(subject.kind).toEqualTypeOf<'route' | 'not-found'>()
      return { onRequest: () => errors.PTC_A }
    },
  }),
})
void plugin

expectTypeOf<FastifyRequest['security']['identity']>().toEqualTypeOf<SecurityIdentity | null>()
