import { setTimeout as wait } from 'node:timers/promises'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import { Redis } from 'ioredis'
import { upstreamStatus } from '@portcullis/gateway'
import { type Config, readConfig } from './config.ts'
import { Front } from './front.ts'
import { Generation, type Outside } from './generation.ts'
import { Metrics } from './metrics.ts'
import { Operation } from './operation.ts'
import { watchFile } from './watch.ts'

/** How a gateway is started. */
export interface StartOptions {
  /** The file, YAML or JSON. */
  readonly file: string
  /** Where `${NAME}` leads. Default: the process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Reads the file again when it changes. Default true. */
  readonly watch?: boolean
}

/** A gateway that answers. */
export interface GatewayServer {
  /** The ports that it listens on; null: it does not. */
  readonly ports: { readonly public: number; readonly plaintext: number | null; readonly operation: number }
  /**
   * Reads the file again. An invalid one leaves everything as it is.
   * @throws ConfigError, or what the rooms refuse to boot with
   */
  reload(): Promise<void>
  /** Says that it is not ready, lets what is under way end, and closes. */
  close(): Promise<void>
}

/**
 * Starts a gateway from a file.
 * @throws ConfigError with every mistake, each with its line; what the rooms refuse to boot with
 */
export async function startGateway({ file, env = process.env, watch = true }: StartOptions): Promise<GatewayServer> {
  let config = readConfig(file, env)
  const logger = loggerOf(config.logLevel)
  const redis = config.redis === undefined ? undefined : openRedis(config.redis, logger)
  const metrics: Metrics = new Metrics(() => (front as Front).current.app)
  const outside: Outside = { logger, redis, observe: (app) => metrics.observe(app) }
  let front: Front | undefined
  let closing = false
  try {
    front = await Front.listen(await Generation.open(config, outside), config)
  } catch (error) {
    redis?.disconnect()
    throw error
  }
  const answering = front
  const operation = await Operation.listen(
    {
      '/live': () => ({ type: 'text/plain', body: 'live\n' }),
      '/metrics': async () => ({ type: metrics.registry.contentType, body: await metrics.registry.metrics() }),
      '/ready': () => (closing || !isReady(answering) ? null : { type: 'text/plain', body: 'ready\n' }),
    },
    config.operation,
  )

  let reloading: Promise<void> = Promise.resolve()
  const reload = (): Promise<void> => {
    const next = reloading.then(async () => {
      if (closing) return
      const read = readConfig(file, env)
      tellOfRestart(config, read, logger)
      const generation = await Generation.open(read, outside)
      config = read
      await answering.replace(generation, read.drain.deadline * 1000)
      metrics.reloads.inc({ outcome: 'done' })
      logger.info('gateway: reloaded')
    })
    reloading = next.catch(() => metrics.reloads.inc({ outcome: 'refused' }))
    return next
  }
  const stopWatching = watch
    ? watchFile(file, () => {
        reload().catch((error: Error) => logger.error(`gateway: not reloaded: ${error.message}`))
      })
    : () => {}

  return {
    ports: { public: front.port, plaintext: front.plaintextPort, operation: operation.port },
    reload,
    async close() {
      if (closing) return
      closing = true
      stopWatching()
      await wait(config.drain.delay * 1000)
      await reloading
      await answering.close(config.drain.deadline * 1000)
      operation.close()
      redis?.disconnect()
    },
  }
}

/** Whether every upstream has a target left. */
function isReady(front: Front): boolean {
  return upstreamStatus(front.current.app).every(({ targets }) => targets.some(({ healthy }) => healthy))
}

/** Fastify's own: its serialisers and its redaction are those of every app. */
function loggerOf(level: string): FastifyBaseLogger {
  return Fastify({ logger: { level } }).log
}

function openRedis(url: string, logger: FastifyBaseLogger): Redis {
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
  return redis
}

/** What is read at the start alone. */
function tellOfRestart(old: Config, next: Config, logger: FastifyBaseLogger): void {
  for (const key of ['listen', 'operation', 'redis', 'logLevel'] as const) {
    const { [key]: was } = old
    const { [key]: is } = next
    const without = (value: unknown): string =>
      JSON.stringify(key === 'listen' ? { ...(value as object), tls: undefined } : (value ?? null))
    if (without(was) !== without(is)) logger.warn(`gateway: ${key} has changed: it is read at the start alone`)
  }
}
