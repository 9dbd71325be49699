import { randomBytes } from 'node:crypto'
import { defineRoom, refuseToBoot, type Mistake } from '@portcullis/kernel'
import type { FastifyInstance, FastifyPluginAsync, FastifySchemaCompiler } from 'fastify'
import { BodyRates, type Ticker } from './body-rate.ts'
import { coverageOf, gaps, havePatterns, looseEnds, missingResponses, type Covered } from './coverage.ts'
import type { SharedSchemas } from './dialect.ts'
import { declaredBy } from './declared.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { blameForm } from './files.ts'
import { compileIntake } from './intake.ts'
import { optionsSchema, routeSchema, type ValidationOptions, type ValidationRoute } from './options.ts'
import { openJudge } from './patterns.ts'
import { compilePolicy } from './policy.ts'
import { haveStandard, refuseUndescribed, serializers } from './responses.ts'
import { isStandard } from './standard.ts'
import { formatsOf, validatorsByScope } from './validators.ts'

type Compiler = FastifySchemaCompiler<unknown>

const ticker: Ticker = {
  now: () => performance.now(),
  soon: (look) => void setImmediate(look),
  every(ms, tick) {
    const timer = setInterval(tick, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
}

/** Refuses what no schema admits. */
const plugin: FastifyPluginAsync<ValidationOptions> = defineRoom<ValidationOptions, ValidationRoute>({
  concern: 'validation',
  optionsSchema,
  routeSchema,
  errors,
  events,
  perRoute: true,
  policiesByPrefix: true,
  setup(options, app) {
    const rates = new BodyRates(ticker)
    const seed = randomBytes(4).readInt32LE()
    app.addHook('onClose', async () => rates.close())
    app.addHook('onError', (request, _reply, error, done) => {
      blameForm(request.headers['content-type'], error)
      done()
    })
    const appLimit = app.initialConfig.bodyLimit ?? 1_048_576
    const covered: Covered[] = []
    const compilerOf = validatorsByScope(options.ajv)

    return {
      prepare(route, written) {
        const { options: own, scope } = route
        const { body, query, params, headers, response } = declaredBy(route)
        // A report changes nothing; schemas that Fastify's own compiler cannot read need this one.
        const reports = (written === false ? undefined : written?.reportOnly) ?? options.reportOnly
        const leave = reports === true && ![body, query, params, headers].some(isStandard)
        if (leave || written === false) return
        // A compiler of the app's own is its author's decision.
        const types = written?.mediaTypes ?? options.mediaTypes
        if (scope.validatorCompiler === undefined) own.validatorCompiler ??= compilerOf(scope, types) as Compiler
        if (haveStandard(response) && scope.serializerCompiler === undefined)
          own.serializerCompiler ??= serializers(() => scope.getSchemas())
        if ((written?.requireResponse ?? options.requireResponse) === true && reports !== true)
          own.preSerialization = [own.preSerialization ?? [], refuseUndescribed(response)].flat()
      },

      compile(options, { kind, route }) {
        const declared = route === undefined ? null : declaredBy(route)
        const policy = compilePolicy(options, { declared, limit: route?.options.bodyLimit ?? appLimit, seed })
        const about = { rates, reportOnly: options.reportOnly === true, lenient: kind === 'not-found' }
        const shared = (): SharedSchemas => route?.scope.getSchemas() ?? {}
        const own = declared === null ? undefined : { declared, options, shared }
        if (own !== undefined) covered.push(own)
        return {
          ...(own !== undefined && { describe: { coverage: coverageOf(own) } }),
          onRequest(request) {
            const { raw } = request
            const sent = (raw as { originalUrl?: string }).originalUrl
            const reason = policy.path(raw.url as string) ?? (sent === undefined ? null : policy.path(sent))
            request.security.pathFault = reason
            return reason === null ? undefined : errors.PTC_VALIDATION_PATH_REFUSED.with({ detail: { reason } })
          },
          preParsing: compileIntake(policy, about),
        }
      },

      async ready() {
        // The HEAD twin of a GET route says what the GET says.
        const routes = covered.filter(({ declared: { methods } }) => methods.join() !== 'HEAD')
        const { strict, looseSchemas, dangerouslyAdmitUndeclared = [], dangerouslyTrustJson } = options
        if (dangerouslyTrustJson === true) app.log.warn('validation: JSON bodies are parsed unseen')
        if (dangerouslyAdmitUndeclared.length > 0)
          app.log.warn({ parts: dangerouslyAdmitUndeclared }, 'validation: parts without a schema pass unseen')
        const undescribed = routes.flatMap(missingResponses)
        if (undescribed.length > 0) refuseToBoot('the schemas of routes', undescribed)
        report(app, 'parts of routes have no schema and are closed', routes.flatMap(gaps), strict === true)
        if (looseSchemas === 'ignore') return
        const formats = options.ajv === undefined ? [] : formatsOf(options.ajv)
        const judge = havePatterns(routes) ? await openJudge() : () => 'safe' as const
        const loose = routes.flatMap((route) => looseEnds(route, judge, formats))
        report(app, 'schemas leave more open than they seem', loose, looseSchemas === 'refuse')
      },
    }
  },
})
export default plugin

function report(app: FastifyInstance, sentence: string, mistakes: readonly Mistake[], refuses: boolean): void {
  if (mistakes.length === 0) return
  if (refuses) refuseToBoot('the schemas of routes', mistakes)
  const lines = mistakes.map(({ route, path, message }) => `${route} ${path} ${message}`)
  app.log.warn({ lines }, `validation: ${sentence}`)
}
