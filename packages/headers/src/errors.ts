import { defineErrors, type Errors } from '@portcullis/kernel'

const table = {
  PTC_HEADERS_ENGINE_FAILED: {
    boot: '@fastify/helmet did not answer for a policy of @portcullis/headers: %s',
    meaning: 'The engine refused options that our own rules had let pass. Boot stops; please report it.',
  },
} as const

/** The errors of this room. It refuses no request, so there is only what may happen at boot. */
export const errors: Errors<typeof table> = defineErrors(table)
