import { defineRoom, type Steps } from '@portcullis/kernel'
import type { FastifyPluginAsync } from 'fastify'
import { openEngine } from './engine.ts'
import { errors } from './errors.ts'
import { compileFields, type Write, writer } from './fields.ts'
import { nonceSource } from './nonce.ts'
import type { HeadersOptions, HeadersRoute } from './options.ts'
import { decide, type Decision, suited } from './policy.ts'
import { check } from './rules.ts'
import { optionsSchema, routeSchema } from './options-schema.ts'

/** One policy's place: `write` is there once the engine has answered. */
interface Slot {
  readonly decision: Decision
  write: Write | null
  /** For answers over plain HTTP, where they differ. */
  writePlain: Write | null
}

const nextNonce = nonceSource()

/** The step that writes, and the one that takes back what errors must not say. */
function stepsOf(slot: Slot): Steps {
  const { plain, keptByCaches } = slot.decision
  return {
    onRequest:
      plain === null
        ? (request, reply) => slot.write?.(request, reply)
        : (request, reply) => (request.protocol === 'https' ? slot.write : slot.writePlain)?.(request, reply),
    ...(keptByCaches === null
      ? {}
      : {
          onSend(_request, reply) {
            // The policy speaks of what the handler answers; a handler's own value stays.
            if (reply.statusCode >= 400 && reply.getHeader('cache-control') === keptByCaches)
              reply.header('cache-control', 'no-store')
          },
        }),
  }
}

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
  heeds: ['cors'],
  async setup(options, app) {
    const engine = await openEngine()
    const slots = new Map<string, Slot>()
    const warned = new Set<string>()
    const slotOf = (policy: Readonly<HeadersRoute>): Slot => {
      const key = JSON.stringify(policy)
      const slot = slots.get(key) ?? { decision: decide(policy), write: null, writePlain: null }
      slots.set(key, slot)
      return slot
    }
    const warn = (policy: Readonly<HeadersRoute>): void => {
      for (const [name, value] of Object.entries(policy)) {
        if (!name.startsWith('dangerously') || value !== true || warned.has(name)) continue
        warned.add(name)
        app.log.warn({ option: name }, '@portcullis/headers runs with a dangerous option')
      }
    }
    const answer = async (slot: Slot): Promise<void> => {
      const { question, plain, twin, own } = slot.decision
      const reported = twin === null ? {} : await engine.ask(twin)
      const written = async (asked: Decision['question']): Promise<Write> =>
        writer(compileFields({ ...(await engine.ask(asked)), ...reported, ...own }), nextNonce)
      slot.write = await written(question)
      if (plain !== null) slot.writePlain = await written(plain)
    }
    warn(options)
    // What helmet refuses of the registration is told before the app is ready.
    const { early } = slotOf(options).decision
    await answer(slotOf(options))
    const earlyFields = { ...(await engine.ask(early.question)), ...early.own }
    return {
      compile(policy, { kind, heeded }) {
        warn(policy)
        return stepsOf(slotOf(suited(policy, { kind, cors: heeded['cors'] })))
      },
      async ready() {
        for (const slot of slots.values()) if (slot.write === null) await answer(slot)
        await engine.close()
      },
      earlyFields: () => earlyFields,
    }
  },
})

export default plugin
