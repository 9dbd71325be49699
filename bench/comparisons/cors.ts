import Fastify, { type FastifyInstance } from 'fastify'
import type { Comparison, Setup } from '../comparison.ts'

/** A list with the asking origin at its end. */
const listOf = (origin: string, length: number): string[] =>
  Array.from({ length }, (_, at) => (at === length - 1 ? origin : `https://tenant-${at}.example.com`))

/** The official plugin with the options that ours has by default: the same fields on the wire. */
export async function official({ origin }: Setup, origins = 1): Promise<FastifyInstance> {
  const { default: cors } = await import('@fastify/cors')
  const app = Fastify()
  await app.register(cors, {
    origin: listOf(origin, origins),
    credentials: true,
    methods: ['GET', 'POST'],
    allowedHeaders: ['Content-Type', 'Authorization'],
    maxAge: 60,
  })
  return app
}

export async function ours({ origin }: Setup, origins = 1): Promise<FastifyInstance> {
  const { default: cors } = await import('@portcullis/cors')
  const app = Fastify()
  await app.register(cors, { origins: listOf(origin, origins), credentials: true })
  return app
}

/** Fastify with what our kernel costs before any room acts. */
async function kernelAlone({ origin }: Setup): Promise<FastifyInstance> {
  const { default: cors } = await import('@portcullis/cors')
  const app = Fastify()
  await app.register(cors, { origins: [origin], enabled: false })
  return app
}

const comparison: Comparison = {
  title: 'requests of a page on another origin',
  bare: 'bare Fastify',
  official: '@fastify/cors',
  constantOf: '@portcullis/cors',
  subjects: {
    'bare Fastify': () => Fastify(),
    'the same fields as constants': ({ constantFields }) => {
      const app = Fastify()
      app.addHook('onRequest', (_request, reply, done) => {
        for (const [name, value] of constantFields) reply.header(name, value)
        done()
      })
      return app
    },
    '@fastify/cors': (setup) => official(setup),
    '@fastify/cors, 1,000 origins': (setup) => official(setup, 1000),
    'kernel alone': kernelAlone,
    '@portcullis/cors': (setup) => ours(setup),
    '@portcullis/cors, 1,000 origins': (setup) => ours(setup, 1000),
  },
}
export default comparison
