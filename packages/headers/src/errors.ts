import { defineErrors, type Errors } from '@portcullis/kernel'

const table = {
  PTC_HEADERS_ENGINE_FAILED: {
    boot: '@fastify/helmet did not answer for a policy of @portcullis/headers: %s',
    meaning: 'The engine refused options that our own rules had let pass. Boot stops; please report it.',
  },
  PTC_HEADERS_SITE_DATA_UNKNOWN: {
    boot: 'browsers know nothing of that name to forget: %s; they know cache, cookies, storage, executionContexts, clientHints and *',
    meaning: 'clearSiteData() was asked to clear something that does not exist. The call throws.',
  },
} as const

/** The errors of this room. It refuses no request, so these are thrown. */
export const errors: Errors<typeof table> = defineErrors(table)
