import { randomBytes, randomUUID } from 'node:crypto'
import { defineRoom, emit } from '@portcullis/kernel'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { BoundedQueue } from './passwords/bounded-queue.ts'
import { check } from './check.ts'
import { DESK, type Desk } from './desk.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { memoryStore } from './stores/memory.ts'
import { openSigner } from './keys/open-signer.ts'
import type { IssuerOptions } from './options.ts'
import { optionsSchema } from './options-schema.ts'
import { PasswordHasher } from './passwords/hash.ts'
import { within } from './stores/patience.ts'
import { compilePolicy } from './policy.ts'
import { Sessions } from './sessions/sessions.ts'
import { SigningKeys } from './keys/signing-keys.ts'
import { createWrapping } from './keys/wrapping.ts'

/** Encrypts keys that end with the process anyway. */
const OF_THIS_PROCESS = randomBytes(32)

/** Issues and revokes our own tokens. */
const plugin: FastifyPluginAsync<IssuerOptions> = defineRoom<IssuerOptions>({
  concern: 'issuer',
  optionsSchema,
  errors,
  events,
  check,
  async setup(options, app) {
    const desk = await openDesk(options, app)
    Object.defineProperty(app, DESK, { value: desk })
    serveKeys(desk)
    keepHouse(desk)
    return {
      compile: () => ({}),
      ready(routes) {
        const path = `${app.prefix}${desk.policy.jwks.path}`
        if (routes.some(({ url, concerns }) => url === path && concerns.includes('auth')))
          app.log.warn(`issuer: ${path} asks verifiers for a credential; write jwks: { security: { auth: false } }`)
      },
    }
  },
})
export default plugin

async function openDesk(options: Readonly<IssuerOptions>, app: FastifyInstance): Promise<Desk> {
  const policy = compilePolicy(options)
  const { store = memoryStore(), secret = OF_THIS_PROCESS, clock = Date.now, account, revoke } = options
  const now = (): number => clock() / 1000
  if (!store.durable) app.log.info('issuer: sessions and keys are kept in this process, and end with it')
  await store.open()
  const keys = new SigningKeys({
    store: store.keys,
    rules: policy.ring,
    wrapping: createWrapping(secret, randomBytes),
    openSigner,
    now,
    onRotated: (kid) => emit(app, events['issuer.rotated'], { outcome: 'allowed', detail: { kid } }),
  })
  await keys.open()
  const queue = new BoundedQueue(policy.queue.concurrency, policy.queue.length, () => performance.now())
  const hasher = new PasswordHasher(policy.hash, queue, randomBytes)
  const sessions = new Sessions({
    store: store.sessions,
    rules: policy.sessions,
    terms: policy.terms,
    sign: (claims) => keys.sign(claims),
    now,
    random: randomBytes,
    newId: randomUUID,
  })
  return { app, policy, sessions, keys, hasher, queue, account, revoke, work: { underWay: 0 }, now }
}

/** The public keys (RFC 7517), for whoever verifies our tokens. */
function serveKeys({ app, keys, policy: { jwks } }: Desk): void {
  app.get(jwks.path, { config: jwks.security === undefined ? {} : { security: jwks.security } }, (_request, reply) =>
    reply.header('cache-control', jwks.cacheControl).header('content-type', 'application/jwk-set+json').send(keys.jwks),
  )
}

/** Looks after the ring and the sessions while the app runs. */
function keepHouse({ app, keys, sessions, policy }: Desk): void {
  let under: Promise<void> | undefined
  const look = (): void => {
    // A store that hangs is asked once.
    under ??= Promise.all([keys.turn(), within(sessions.purge())]).then(
      () => void (under = undefined),
      (error: unknown) => {
        under = undefined
        app.log.error({ err: error }, 'issuer: the store failed; known keys stay in use')
        emit(app, events['issuer.interrupted'], { outcome: 'observed', detail: { reason: 'store' } })
      },
    )
  }
  const timer = setInterval(look, policy.reload * 1000).unref()
  app.addHook('onClose', async () => {
    clearInterval(timer)
    await under
    await keys.close()
  })
}
