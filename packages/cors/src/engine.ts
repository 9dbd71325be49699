import official from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import { errors } from './errors.ts'
import type { Question } from './policy.ts'

/** What @fastify/cors answers, ready to be replayed. `null` fields do not exist. */
export interface Answer {
  /** `access-control-allow-origin` if it is constant; otherwise the request's own origin is written. */
  readonly allowOrigin: '*' | null
  /** The other fields of every answer to an allowed origin. */
  readonly actual: readonly (readonly [name: string, value: string])[]
  /** The other fields of a granted preflight, without the methods. */
  readonly preflight: readonly (readonly [name: string, value: string])[]
}

const ALLOWED = 'https://allowed.invalid'
const FOREIGN = 'https://foreign.invalid'

/**
 * Asks @fastify/cors each question once, on an instance of its own that never listens: on the user's it would claim
 * `OPTIONS *`, could be registered once only, and would be asked again on every request.
 * @param engine a fresh Fastify instance; closed when done
 * @throws PTC_CORS_ENGINE_FAILED if an answer would admit a foreign origin or does not admit an allowed one
 */
export async function askEngine(engine: FastifyInstance, questions: readonly Question[]): Promise<Answer[]> {
  for (const [index, question] of questions.entries()) {
    engine.register(
      async (scope) => {
        await scope.register(official, {
          origin: question.everybody ? '*' : [ALLOWED],
          credentials: question.credentials,
          methods: ['GET'],
          allowedHeaders: [...question.requestHeaders],
          exposedHeaders: question.exposedHeaders.length === 0 ? null : [...question.exposedHeaders],
          maxAge: question.maxAge,
        } as object)
        scope.get('/ask', async () => '')
      },
      { prefix: `/${index}-` },
    )
  }
  await engine.ready()
  const answers = await Promise.all(questions.map((question, index) => ask(engine, `/${index}-/ask`, question)))
  await engine.close()
  return answers
}

async function ask(engine: FastifyInstance, url: string, question: Question): Promise<Answer> {
  const inject = async (method: 'GET' | 'OPTIONS', origin: string): Promise<Map<string, string>> => {
    const asked = { origin, ...(method === 'OPTIONS' ? { 'access-control-request-method': 'GET' } : {}) }
    const response = await engine.inject({ method, url, headers: asked })
    if (response.statusCode >= 300) throw new errors.PTC_CORS_ENGINE_FAILED(`answered ${response.statusCode}`)
    return new Map(Object.entries(response.headers).map(([name, value]) => [name, String(value)]))
  }
  const actual = await inject('GET', ALLOWED)
  const preflight = await inject('OPTIONS', ALLOWED)
  const foreign = await inject('GET', FOREIGN)
  const expected = question.everybody ? '*' : ALLOWED
  for (const fields of [actual, preflight]) {
    if (fields.get('access-control-allow-origin') !== expected) {
      throw new errors.PTC_CORS_ENGINE_FAILED('did not admit an origin of its list')
    }
    if ((fields.get('access-control-allow-credentials') === 'true') !== question.credentials) {
      throw new errors.PTC_CORS_ENGINE_FAILED('did not follow the option `credentials`')
    }
  }
  const told = foreign.get('access-control-allow-origin')
  if (!question.everybody && (told === '*' || told === FOREIGN)) {
    throw new errors.PTC_CORS_ENGINE_FAILED('admitted a foreign origin')
  }
  return {
    allowOrigin: question.everybody ? '*' : null,
    actual: constants(actual, ['access-control-allow-credentials', 'access-control-expose-headers']),
    // Exposing is a matter of the actual answer alone (Fetch §3.2.3).
    preflight: constants(preflight, [
      'access-control-allow-credentials',
      'access-control-allow-headers',
      'access-control-max-age',
    ]),
  }
}

function constants(fields: ReadonlyMap<string, string>, names: readonly string[]): [string, string][] {
  return names.flatMap((name) => {
    const value = fields.get(name)
    return value === undefined || value === '' ? [] : [[name, value] as [string, string]]
  })
}
