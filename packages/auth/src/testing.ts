import { AsyncLocalStorage } from 'node:async_hooks'
import { compileOptions } from '@portcullis/kernel'
import type { FastifyInstance, FastifyRequest, InjectOptions, LightMyRequestResponse, SecurityIdentity } from 'fastify'
import { rolesSchema, scopesSchema } from './access/route-options.ts'
import { identityOf, SCHEMES, type Scheme } from './identity.ts'
import { standIn } from './stand-in.ts'

/** Who stands in for the caller. */
export interface TestIdentity {
  readonly subject: string
  readonly scopes?: readonly string[]
  readonly roles?: readonly string[]
  /** Default: `jwt`. */
  readonly scheme?: Scheme
  readonly credentialId?: string
  /** Seconds since the epoch; what `stepUp` goes by. */
  readonly authenticatedAt?: number
  readonly claims?: Readonly<Record<string, unknown>>
}

const name = { type: 'string', minLength: 1, maxLength: 255 } as const

/** A misspelt member would be an identity without it, and a test that passes for the wrong reason. */
const inspect = compileOptions<TestIdentity>({
  type: 'object',
  additionalProperties: false,
  required: ['subject'],
  properties: {
    subject: { ...name, examples: ['user-1'] },
    scopes: { ...scopesSchema, examples: [['orders:read']] },
    roles: { ...rolesSchema, examples: [['support']] },
    scheme: { type: 'string', enum: SCHEMES, examples: ['jwt'] },
    credentialId: { ...name, examples: ['token-1'] },
    authenticatedAt: { type: 'integer', minimum: 0, maximum: 99_999_999_999, examples: [1_700_000_000] },
    claims: { accepts: ['object'], examples: [{ plan: 'gold' }] },
  },
})

interface StandIn {
  readonly server: object
  readonly identity: SecurityIdentity
}

const current = new AsyncLocalStorage<StandIn>()

/** Only in the app that was meant, and only while it serves nobody. */
function identityIn(request: FastifyRequest): SecurityIdentity | undefined {
  const found = current.getStore()
  const { server } = request.server
  return found !== undefined && found.server === server && !server.listening ? found.identity : undefined
}

/**
 * Injects requests as somebody, without a credential. Scopes, roles, step-up and owners are checked as ever.
 *
 * Only what this very call injects is meant, by no field that a client could send; and only while the app does not listen:
 * an app that serves anybody never takes a stand-in.
 * @throws an Error as soon as the app listens, a TypeError for what is no identity.
 * @example const answer = await withIdentity(app, { subject: 'user-1', scopes: ['orders:read'] }).inject('/orders')
 */
export function withIdentity(
  app: FastifyInstance,
  standsIn: TestIdentity,
): { inject(request: InjectOptions | string): Promise<LightMyRequestResponse> } {
  const { mistakes } = inspect(standsIn)
  if (mistakes.length > 0)
    throw new TypeError(`withIdentity: ${mistakes.map(({ path, message }) => `${path} ${message}`.trim()).join('; ')}`)
  const { scheme = 'jwt', ...given } = standsIn
  const identity = identityOf({ scheme, ...given })
  const refuse = (): void => {
    if (app.server.listening) throw new Error('withIdentity is for tests: this app listens, and serves real callers')
  }
  refuse()
  standIn.identityOf = identityIn
  return {
    inject: async (request) => {
      refuse()
      // The request begins when its promise is awaited: here, inside.
      return current.run({ server: app.server, identity }, async () => await app.inject(request))
    },
  }
}
