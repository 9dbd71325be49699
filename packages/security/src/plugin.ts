import { compileOptions, refuseToBoot } from '@portcullis/kernel'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { check, optionsSchema, type SecurityOptions } from './options.ts'
import { rooms } from './rooms.ts'

const inspect = compileOptions<Record<string, unknown>>(optionsSchema, check)

/** `false` is no policy: a room that is off has no options to inspect. */
function switchedOn(given: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(given).filter(([key, value]) => !(value === false && key in rooms)))
}

async function install(app: FastifyInstance, given: SecurityOptions): Promise<void> {
  const { options, mistakes } = inspect(switchedOn(given))
  if (options === undefined) return refuseToBoot('the options of @portcullis/security', mistakes)
  for (const [key, { plugin, byDefault }] of Object.entries(rooms)) {
    const own = given[key as keyof SecurityOptions] as object | false | undefined
    if (own === false || (own === undefined && !byDefault)) continue
    const chosen: object = options['reportOnly'] === true ? { reportOnly: true, ...own } : { ...own }
    await app.register(plugin, chosen)
  }
}

/**
 * Installs the rooms named in its options, in one registration; their order in a request is the kernel's.
 * @throws PTC_OPTIONS_INVALID with every mistake of every room at once.
 * @example await app.register(security, { cors: { origins: ['https://app.example.com'] } })
 */
const plugin: FastifyPluginAsync<SecurityOptions> = fp(install, { name: '@portcullis/security', fastify: '>=5.12.1' })

export default plugin
