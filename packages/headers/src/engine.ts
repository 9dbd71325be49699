import helmet from '@fastify/helmet'
import Fastify, { type FastifyInstance } from 'fastify'
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

/**
 * Opens the engine on an instance that never listens: it cannot collide with the user's app there. Once closed it opens
 * again for the next question: the policies that headers follow may be replaced while the app runs.
 */
export async function openEngine(): Promise<Engine> {
  let asked: HelmetQuestion | undefined
  const open = async (): Promise<FastifyInstance> => {
    const app = Fastify()
    await app.register(helmet, { global: false })
    app.get('/', (_request, reply) => {
      reply.helmet(asked as Parameters<typeof reply.helmet>[0])
      return reply.send()
    })
    await app.ready()
    return app
  }
  let engine: FastifyInstance | null = await open()
  return {
    async ask(question) {
      engine ??= await open()
      asked = question
      const { statusCode, headers, body } = await engine.inject('/')
      if (statusCode !== 200) throw new errors.PTC_HEADERS_ENGINE_FAILED(body)
      return helmetFields(headers)
    },
    async close() {
      await engine?.close()
      engine = null
    },
  }
}
