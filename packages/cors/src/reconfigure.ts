import { reconfigure as replace } from '@portcullis/kernel'
import type { FastifyInstance } from 'fastify'
import type { CorsOptions } from './options.ts'

/**
 * Replaces the options of a running app's registration, without a restart. They are validated as at boot and routes'
 * own policies are laid over them again; then every route changes over at once, and requests under way end as they
 * began. What a function in `origins` has answered is forgotten.
 * @param app the instance that registered the room
 * @param options all of them, not only those that change
 * @throws PTC_OPTIONS_INVALID with all mistakes, also those that routes' own policies make of the new options; then
 * nothing has changed
 * @throws PTC_ROOM_NOT_RECONFIGURABLE if the room is not registered on this very instance
 */
export async function reconfigure(app: FastifyInstance, options: CorsOptions): Promise<void> {
  await replace(app, 'cors', options)
}
