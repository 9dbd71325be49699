import type { FastifyInstance } from 'fastify'
import { errors } from './kernel-errors.ts'
import { stateOf } from './state.ts'

/**
 * Replaces the options of a room while the app runs. They are validated as at boot, every route's own policy is laid
 * over them again, and all routes change over at once; requests under way end as they began. Calls take their turns.
 * @param app the very instance that registered the room
 * @throws PTC_OPTIONS_INVALID with all mistakes, in the options and in routes' own policies; then nothing has changed
 * @throws PTC_ROOM_NOT_RECONFIGURABLE
 */
export async function reconfigure(app: FastifyInstance, concern: string, options: object): Promise<void> {
  const state = stateOf(app, true)
  const registered = state.registrations.get(app)?.get(concern)
  if (registered?.renew === undefined) throw new errors.PTC_ROOM_NOT_RECONFIGURABLE(`@portcullis/${concern}`)
  await state.replace(app, concern, options)
}
