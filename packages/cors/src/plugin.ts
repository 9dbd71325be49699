import { defineRoom } from '@portcullis/kernel'
import Fastify, { type FastifyPluginAsync } from 'fastify'
import { askEngine, type Answer } from './engine.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
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
  setup() {
    const decisions = new WeakMap<object, Decision>()
    const decisionOf = (policy: Readonly<CorsOptions>): Decision => {
      let decision = decisions.get(policy)
      if (decision === undefined) decisions.set(policy, (decision = decide(policy)))
      return decision
    }
    const answers = new Map<string, { answer: Answer | null; decision: Decision }>()
    return {
      compile(policy) {
        const decision = decisionOf(policy)
        const key = JSON.stringify(decision.question)
        const asked = answers.get(key) ?? { answer: null, decision }
        answers.set(key, asked)
        return stepsOf(decision, () => asked.answer as Answer, decisionOf)
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
