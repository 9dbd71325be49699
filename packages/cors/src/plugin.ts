import { defineRoom, emit } from '@portcullis/kernel'
import Fastify, { type FastifyPluginAsync } from 'fastify'
import { askEngine, type Answer } from './engine.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import type { LookupFailed } from './lookup.ts'
import { optionsSchema, routeSchema, type CorsOptions, type CorsRoute } from './options.ts'
import { decide, type Decision } from './policy.ts'
import { check } from './rules.ts'
import { stepsOf } from './steps.ts'

/** Decides which origins may read us. Register it with `app.register(cors, { origins: ['https://app.example.com'] })`. */
const plugin: FastifyPluginAsync<CorsOptions> = defineRoom<CorsOptions, CorsRoute>({
  concern: 'cors',
  optionsSchema,
  routeSchema,
  errors,
  events,
  check,
  reconfigurable: true,
  heeds: ['gateway'],
  setup(_, app) {
    const decisions = new WeakMap<object, Decision>()
    const failed: LookupFailed = (reason, error) => {
      if (reason === 'threw') app.log.error({ err: error }, 'the function that says which origins may read threw')
      emit(app, events['cors.lookup-failed'], { outcome: 'denied', detail: { reason } })
    }
    const decisionOf = (policy: Readonly<CorsOptions>): Decision => {
      let decision = decisions.get(policy)
      if (decision === undefined) decisions.set(policy, (decision = decide(policy, failed)))
      return decision
    }
    let warned = false
    const answers = new Map<string, { answer: Answer | null; decision: Decision }>()
    return {
      compile(policy, { heeded }) {
        const decision = decisionOf(policy)
        if (decision.tellsWhy && !warned) {
          warned = true
          app.log.warn('cors: `debug` is on; refusals tell clients why')
        }
        const key = JSON.stringify(decision.question)
        const asked = answers.get(key) ?? { answer: null, decision }
        answers.set(key, asked)
        return stepsOf(policy, () => asked.answer as Answer, decisionOf, heeded['gateway'] !== undefined)
      },
      async ready() {
        const open = [...answers.values()].filter(({ answer }) => answer === null)
        if (open.length === 0) return
        const given = await askEngine(
          Fastify(),
          open.map(({ decision }) => decision.question),
        )
        for (const [index, asked] of open.entries()) asked.answer = given[index] as Answer
      },
    }
  },
})

export default plugin
