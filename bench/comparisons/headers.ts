import Fastify, { type FastifyInstance } from 'fastify'
import type { HeadersOptions } from '@portcullis/headers'
import { bare, type Comparison, constant, registered } from '../comparison.ts'

/** The official plugin with the fields of our profile `api`; it knows no Cache-Control. */
async function official(): Promise<FastifyInstance> {
  const { default: helmet } = await import('@fastify/helmet')
  const app = Fastify()
  const none = ["'none'"]
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: none, frameAncestors: none, baseUri: none, formAction: none },
    },
    crossOriginOpenerPolicy: false,
    crossOriginResourcePolicy: { policy: 'same-origin' },
    originAgentCluster: false,
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xFrameOptions: { action: 'deny' },
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  })
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', 'no-store')
    done()
  })
  return app
}

const ours = (options: HeadersOptions) => () => registered(() => import('@portcullis/headers'), options)

const comparison: Comparison = {
  title: 'the six fields of an API answer',
  bare: 'bare Fastify',
  official: '@fastify/helmet',
  constantOf: '@portcullis/headers',
  subjects: {
    'bare Fastify': bare,
    'the same fields as constants': ({ constantFields }) => constant(constantFields),
    '@fastify/helmet': official,
    // What the kernel costs before any room acts.
    'kernel alone': ours({ enabled: false }),
    '@portcullis/headers': ours({}),
  },
}
export default comparison
