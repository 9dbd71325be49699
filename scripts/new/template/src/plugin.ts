import { defineRoom } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { optionsSchema, routeSchema, type __Concern__Options, type __Concern__Route } from './options.ts'
import { compilePolicy } from './policy.ts'

/** __sentence__ */
const plugin: FastifyPluginAsync<__Concern__Options> = defineRoom<__Concern__Options, __Concern__Route>({
  concern: '__concern__',
  optionsSchema,
  routeSchema,
  errors,
  events,
  setup() {
    return {
      compile(options) {
        const policy = compilePolicy(options)
        return {
          __phase__(request) {
            const field = policy(request.headers)
            return field === null ? undefined : errors.PTC___CONCERN___FIELD_REFUSED.with({ detail: { field } })
          },
        }
      },
    }
  },
})
export default plugin
