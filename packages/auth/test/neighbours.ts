import { defineRoom, type RoomOptions } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'

/** Takes the place of the csrf room. */
export const csrf: FastifyPluginAsync<RoomOptions> = defineRoom<RoomOptions>({
  concern: 'csrf',
  optionsSchema: { type: 'object', additionalProperties: false },
  async setup() {
    return { compile: () => ({}) }
  },
})

/** What the https room says of the next requests' certificate. */
export const presented: { certificate: { san: string[]; fingerprint256: string } | null | undefined } = {
  certificate: undefined,
}

/** Takes the place of the https room, which hands certificates over. */
export const https: FastifyPluginAsync<RoomOptions> = defineRoom<RoomOptions>({
  concern: 'https',
  optionsSchema: { type: 'object', additionalProperties: false },
  async setup() {
    return {
      compile: () => ({
        onRequest(request) {
          Object.assign(request.security, { clientCertificate: presented.certificate })
        },
      }),
    }
  },
})
