import { defineRoom, refuseToBoot, type Mistake, type Step } from '@portcullis/kernel'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { Timers } from './alarm.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { watchLoop, type Load } from './load.ts'
import { optionsSchema, routeSchema, type ThrottleOptions, type ThrottleRoute } from './options.ts'
import { findings, mistakeOf, parsePolicy, takesPlacesLate, tooLong, type Policy, type WaitingRule } from './policy.ts'
import { overloaded } from './refusals.ts'
import { Stages, type Stage } from './stages.ts'

const timers: Timers = {
  now: () => performance.now(),
  set: (ring, ms) => setTimeout(ring, ms),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout),
}

interface Timed {
  readonly requestTimeout?: number
}

/** How long the server gives a request to arrive, in ms; 0: for ever. */
const requestTimeoutOf = ({ server, initialConfig }: FastifyInstance): number =>
  (server as Timed).requestTimeout ?? (initialConfig as Timed).requestTimeout ?? 0

function watch(app: FastifyInstance): Load {
  const { load, stop } = watchLoop(timers.now)
  app.addHook('onClose', (_app, done) => {
    stop()
    done()
  })
  return load
}

/** Slows callers down instead of refusing them. */
const plugin: FastifyPluginAsync<ThrottleOptions> = defineRoom<ThrottleOptions, ThrottleRoute>({
  concern: 'throttle',
  optionsSchema,
  routeSchema,
  errors,
  events,
  check: findings,
  setup(options, app) {
    const thrown = new Set<string>()
    const scope = parsePolicy(options)
    const stages = new Stages({
      timers,
      scope,
      apiKeyField: options.apiKeyField as string,
      onThrow(rule, error) {
        if (thrown.has(rule)) return
        thrown.add(rule)
        app.log.error({ err: error, rule }, 'partitionBy gave no name; such callers count by address')
      },
    })
    app.addHook('preClose', (done) => {
      stages.close()
      done()
    })
    let load: Load | undefined

    return {
      compile(given) {
        const policy = parsePolicy(given)
        const reportOnly = given.reportOnly === true
        const stage = (rule: WaitingRule, when: boolean): Stage[] =>
          when ? [stages.stage(rule, policy)].filter((one) => one !== undefined) : []
        const late = takesPlacesLate(policy)
        const before = stage('concurrency', !late)
        // A place is taken last: nobody holds one while waiting for its pace.
        const after = [...stage('delayAfter', true), ...stage('rate', true), ...stage('concurrency', late)]
        const enter = before.length > 0 ? stages.step(before, reportOnly) : undefined

        let shed: Step | undefined
        if (policy.shed !== null) {
          const watched = (load ??= watch(app))
          const { eventLoopDelayMs, retryAfter } = policy.shed
          const refusal = overloaded(retryAfter, () => watched.delayMs())
          shed = () => (watched.delayMs() > eventLoopDelayMs ? refusal : undefined)
        }
        const first: Step | undefined =
          shed !== undefined && enter !== undefined
            ? (request, reply) => shed(request, reply) ?? enter(request, reply)
            : (shed ?? enter)
        return {
          ...(first !== undefined && { onRequest: first }),
          ...(after.length > 0 && { preParsing: stages.step(after, reportOnly) }),
          ...((before.length > 0 || after.length > 0) && {
            close: (request, _reply, aborted) => stages.attendance.leave(request, aborted),
          }),
        }
      },

      ready(routes) {
        const mistakes: Mistake[] = []
        const judge = (policy: Policy, route?: string): void => {
          const long = tooLong(policy, requestTimeoutOf(app))
          if (long !== null) mistakes.push(route === undefined ? mistakeOf(long) : mistakeOf(long, route))
        }
        judge(scope)
        for (const { method, url, policy, concerns, declared } of routes) {
          // What Fastify adds for a GET says what the GET says.
          if (method === 'HEAD') continue
          const route = `${method} ${url}`
          const parsed = parsePolicy(policy)
          if (declared) judge(parsed, route)
          if (takesPlacesLate(parsed) && !concerns.includes('auth')) {
            app.log.warn({ route }, 'places by identity count by address here: no auth room says who is calling')
          }
        }
        if (mistakes.length > 0) refuseToBoot('the waiting of @portcullis/throttle', mistakes)
      },
    }
  },
})

export default plugin
