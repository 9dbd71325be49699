import Fastify, { type FastifyInstance } from 'fastify'
import { bare, type Comparison, constant, registered, type Setup } from '../comparison.ts'

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

export const ours = ({ origin }: Setup, origins = 1): Promise<FastifyInstance> =>
  registered(() => import('@portcullis/cors'), { origins: listOf(origin, origins), credentials: true })

/** Fastify with what our kernel costs before any room acts. */
const kernelAlone = ({ origin }: Setup): Promise<FastifyInstance> =>
  registered(() => import('@portcullis/cors'), { origins: [origin], enabled: false })

const comparison: Comparison = {
  title: 'requests of a page on another origin',
  bare: 'bare Fastify',
  official: '@fastify/cors',
  constantOf: '@portcullis/cors',
  subjects: {
    'bare Fastify': bare,
    'the same fields as constants': ({ constantFields }) => constant(constantFields),
    '@fastify/cors': (setup) => official(setup),
    '@fastify/cors, 1,000 origins': (setup) => official(setup, 1000),
    'kernel alone': kernelAlone,
    '@portcullis/cors': (setup) => ours(setup),
    '@portcullis/cors, 1,000 origins': (setup) => ours(setup, 1000),
  },
}
export default comparison
