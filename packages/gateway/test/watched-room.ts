import { type AdmissionEnd, defineErrors, defineEvents, defineRoom } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'

/** A room that admits everything, and what it admitted until the test ends it. */
export function watchingRoom(): { room: FastifyPluginAsync; watched: () => number; end: (why: AdmissionEnd) => void } {
  const ends = new Set<(why: AdmissionEnd) => void>()
  const room = defineRoom<object, object>({
    concern: 'auth',
    optionsSchema: { type: 'object', properties: {}, additionalProperties: false },
    routeSchema: { type: 'object', properties: {}, additionalProperties: false },
    errors: defineErrors({}),
    events: defineEvents({}),
    async setup() {
      return {
        compile: () => ({
          watch(_request, ended) {
            ends.add(ended)
            return () => void ends.delete(ended)
          },
        }),
      }
    },
  })
  return {
    room,
    watched: () => ends.size,
    end: (why) => {
      for (const ended of ends) ended(why)
    },
  }
}
