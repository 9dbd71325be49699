import helmet from '@fastify/helmet'
import { defineRoom } from '@portcullis/kernel'
import Fastify, { type FastifyPluginAsync } from 'fastify'
import { errors } from './errors.ts'
import { compileFields, helmetFields, type Write, writer } from './fields.ts'
import { nonceSource } from './nonce.ts'
import { check, type HeadersOptions, type HeadersRoute, optionsSchema, routeSchema } from './options.ts'
import { decide, type HelmetQuestion } from './policy.ts'

/** One policy's place: `write` is there once the engine has answered. */
interface Slot {
  readonly policy: Readonly<HeadersRoute>
  write: Write | null
  early: Readonly<Record<string, string>>
}

/** @fastify/helmet on an instance that never listens: it cannot collide with the user's app there. */
async function openEngine() {
  const engine = Fastify()
  let asked: HelmetQuestion | undefined
  await engine.register(helmet, { global: false })
  engine.get('/', (_request, reply) => {
    reply.helmet(asked as Parameters<typeof reply.helmet>[0])
    return reply.send()
  })
  await engine.ready()
  return {
    async ask(question: HelmetQuestion): Promise<Record<string, string>> {
      asked = question
      const { statusCode, headers, body } = await engine.inject('/')
      if (statusCode !== 200) throw new errors.PTC_HEADERS_ENGINE_FAILED(body)
      return helmetFields(headers)
    },
    close: () => engine.close(),
  }
}

const nextNonce = nonceSource()

/**
 * Tells browsers how to treat our responses. Fields are written before any other room may refuse, with
 * `reply.header`, so that every answer carries them and a handler may write its own over them.
 * @throws `PTC_OPTIONS_INVALID` with all mistakes, before the app is ready.
 */
const plugin: FastifyPluginAsync<HeadersOptions> = defineRoom<HeadersOptions, HeadersRoute>({
  concern: 'headers',
  optionsSchema,
  routeSchema,
  errors,
  check,
  async setup(options, app) {
    const engine = await openEngine()
    const slots = new Map<string, Slot>()
    const slotOf = (policy: Readonly<HeadersRoute>): Slot => {
      const key = JSON.stringify(policy)
      const slot = slots.get(key) ?? { policy, write: null, early: {} }
      slots.set(key, slot)
      return slot
    }
    const answer = async (slot: Slot): Promise<void> => {
      const { question, own, early } = decide(slot.policy)
      slot.write = writer(compileFields({ ...(await engine.ask(question)), ...own }), nextNonce)
      if (slot.policy === options) slot.early = { ...(await engine.ask(early)), ...own }
      for (const [name, value] of Object.entries(slot.policy)) {
        if (name.startsWith('dangerously') && value === true)
          app.log.warn({ option: name }, '@portcullis/headers runs with a dangerous option')
      }
    }
    const registered = slotOf(options)
    await answer(registered)
    return {
      compile(policy) {
        const slot = slotOf(policy)
        return { onRequest: (request, reply) => slot.write?.(request, reply) }
      },
      async ready() {
        for (const slot of slots.values()) if (slot.write === null) await answer(slot)
        await engine.close()
      },
      earlyFields: () => registered.early,
    }
  },
})

export default plugin
