import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import { Redis } from 'ioredis'
import { openKeySets, openRevocations, revoke, revokeSubject } from '@portcullis/auth'
import { openTargetStates, upstreamStatus } from '@portcullis/gateway'
import { openMemory } from '@portcullis/rate-limit'
import type { Config } from './config.ts'
import type { Extension } from './extension.ts'
import { Front } from './front.ts'
import { Generation } from './generation.ts'
import { Metrics, type Snapshot } from './metrics.ts'
import type { Outside } from './outside.ts'
import type { Ports, Revoked, Serving } from './serving.ts'

/** What one process answers clients with: its sockets, and whatever outlives a reading of the file. */
export class Gateway implements Serving {
  readonly ports: Ports
  readonly #metrics: Metrics
  readonly #outside: Outside
  readonly #front: Front
  #config: Config
  #prepared: { readonly config: Config; readonly generation: Generation } | undefined
  #closing = false

  private constructor(front: Front, metrics: Metrics, outside: Outside, config: Config) {
    this.ports = { public: front.port, plaintext: front.plaintextPort }
    this.#front = front
    this.#metrics = metrics
    this.#outside = outside
    this.#config = config
  }

  /** @throws what the rooms refuse to boot with, and what the sockets say */
  static async open(config: Config, logger: FastifyBaseLogger, extension: Extension): Promise<Gateway> {
    const redis = config.redis === undefined ? undefined : await openRedis(config.redis, logger)
    const metrics: Metrics = new Metrics(() => (front as Front).current.app)
    const outside: Outside = {
      logger,
      redis,
      quotas: openMemory(),
      keySets: openKeySets(),
      revocations: openRevocations(),
      targetStates: openTargetStates(),
      observe: (app) => metrics.observe(app),
      extension,
    }
    let front: Front | undefined
    let first: Generation | undefined
    try {
      first = await Generation.open(config, outside)
      front = await Front.listen(first, config)
    } catch (error) {
      await first?.app.close()
      redis?.disconnect()
      throw error
    }
    return new Gateway(front, metrics, outside, config)
  }

  isReady(): Promise<boolean> {
    const upstreams = upstreamStatus(this.#front.current.app)
    return Promise.resolve(upstreams.every(({ targets }) => targets.some(({ healthy }) => healthy)))
  }

  metrics(): Promise<string> {
    return this.#metrics.text()
  }

  snapshot(): Promise<Snapshot> {
    return this.#metrics.snapshot()
  }

  async replace(next: Config): Promise<void> {
    await this.prepare(next)
    await this.proceed()
  }

  /** Opens another reading of the file, beside the one that answers. */
  async prepare(next: Config): Promise<void> {
    await this.discard()
    this.#prepared = { config: next, generation: await Generation.open(next, this.#outside) }
  }

  /** Answers by what was prepared. */
  async proceed(): Promise<void> {
    if (this.#closing) return this.discard()
    const prepared = this.#prepared
    if (prepared === undefined) return
    this.#prepared = undefined
    this.#config = prepared.config
    await this.#front.replace(prepared.generation, prepared.config.drain.deadline * 1000)
  }

  /** Forgets what was prepared. */
  async discard(): Promise<void> {
    const prepared = this.#prepared
    this.#prepared = undefined
    await prepared?.generation.app.close()
  }

  revoke(revoked: Revoked): Promise<void> {
    const { app } = this.#front.current
    return 'tokenId' in revoked ? revoke(app, revoked) : revokeSubject(app, revoked)
  }

  leave(): Promise<void> {
    this.#front.leave()
    return Promise.resolve()
  }

  async close(): Promise<void> {
    this.#closing = true
    await this.#front.close(this.#config.drain.deadline * 1000)
    this.#outside.redis?.disconnect()
  }
}

/**
 * Makes a reading of the file ready, as for a start, and forgets it: what only the rooms can judge is judged too.
 * @throws what the rooms refuse to boot with
 */
export async function tryOut(config: Config, { options, routes }: Extension = {}): Promise<void> {
  const { redis: _redis, ...alone } = config
  const { app } = await Generation.open(alone, {
    logger: loggerOf({ ...config, logLevel: 'silent' }),
    redis: undefined,
    quotas: openMemory(),
    keySets: openKeySets(),
    revocations: openRevocations(),
    targetStates: openTargetStates(),
    observe: () => {},
    // Nobody asks yet: there is nothing to tell.
    extension: { options, routes },
  })
  await app.close()
}

/** Fastify's own: its serialisers and its redaction are those of every app. */
export function loggerOf({ logLevel: level }: Pick<Config, 'logLevel'>): FastifyBaseLogger {
  return Fastify({ logger: { level } }).log
}

/** Milliseconds that the first connection may take: without it the first requests would meet an outage. */
const CONNECTED = 2_000

async function openRedis(url: string, logger: FastifyBaseLogger): Promise<Redis> {
  const redis = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0 })
  let told = false
  redis.on('error', (error: NodeJS.ErrnoException) => {
    if (!told) logger.error({ reason: error.code ?? error.name }, 'gateway: Redis is away')
    told = true
  })
  redis.on('ready', () => {
    if (told) logger.info('gateway: Redis is back')
    told = false
  })
  await Promise.race([
    once(redis, 'ready').catch(() => {}),
    once(redis, 'close').catch(() => {}),
    wait(CONNECTED, undefined, { ref: false }),
  ])
  return redis
}
