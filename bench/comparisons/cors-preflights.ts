import Fastify, { type FastifyInstance } from 'fastify'
import type { Comparison, Setup } from '../comparison.ts'
import { official, ours } from './cors.ts'

/** Answers OPTIONS from a route of its own, with these fields. */
function withOptions(fields: Setup['constantFields']): FastifyInstance {
  const app = Fastify()
  app.options('/', (_request, reply) => {
    for (const [name, value] of fields) reply.header(name, value)
    reply.code(204).send()
  })
  return app
}

const comparison: Comparison = {
  title: 'preflights of a page on another origin',
  preflights: true,
  bare: 'bare Fastify',
  official: '@fastify/cors',
  constantOf: '@portcullis/cors',
  subjects: {
    'bare Fastify': () => withOptions([]),
    'the same fields as constants': ({ constantFields }) => withOptions(constantFields),
    '@fastify/cors': (setup) => official(setup),
    '@portcullis/cors': (setup) => ours(setup),
  },
}
export default comparison
