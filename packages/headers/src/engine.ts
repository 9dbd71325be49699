import helmet from '@fastify/helmet'
import Fastify from 'fastify'
import { errors } from './errors.ts'
import { helmetFields } from './fields.ts'
import type { HelmetQuestion } from './policy.ts'

/** @fastify/helmet, asked at boot. */
export interface Engine {
  /**
   * The fields that it would write.
   * @throws `PTC_HEADERS_ENGINE_FAILED` if it refuses the question.
   */
  ask(question: HelmetQuestion): Promise<Record<string, string>>
  close(): Promise<void>
}

/** Opens the engine on an instance that never listens: it cannot collide with the user's app there. */
export async function openEngine(): Promise<Engine> {
  const engine = Fastify()
  let asked: HelmetQuestion | undefined
  await engine.register(helmet, { global: false })
  engine.get('/', (_request, reply) => {
    reply.helmet(asked as Parameters<typeof reply.helmet>[0])
    return reply.send()
  })
  await engine.ready()
  return {
    async ask(question) {
      asked = question
      const { statusCode, headers, body } = await engine.inject('/')
      if (statusCode !== 200) throw new errors.PTC_HEADERS_ENGINE_FAILED(body)
      return helmetFields(headers)
    },
    async close() {
      await engine.close()
    },
  }
}
