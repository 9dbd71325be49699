import { setTimeout as wait } from 'node:timers/promises'
import type { RevokedSubject, RevokedToken } from '@portcullis/auth'
import { internalKeySet } from '@portcullis/gateway'
import { Counter, Registry } from '@prometheus-io/client'
import type { FastifyBaseLogger } from 'fastify'
import { Acme, acmeOf } from './acme.ts'
import { closeCode, type Code, loadCode } from './code.ts'
import { type Config, internalTokenOf, type ReadConfig, readConfig } from './config.ts'
import type { Extension } from './extension.ts'
import { Gateway, loggerOf } from './gateway.ts'
import { Operation } from './operation.ts'
import type { Serving } from './serving.ts'
import { FileWatch, type Prints } from './watch.ts'
import { Workers } from './workers.ts'

/** Milliseconds that a reload which is under way still has when the process ends: what it makes ready then answers nobody. */
const LAST_RELOAD = 1_000

/** How a gateway is started. */
export interface StartOptions {
  /** The file, YAML or JSON. */
  readonly file: string
  /** Where `${NAME}` leads. Default: the process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Reads the file again when it, or a file that it names, changes. Default true. */
  readonly watch?: boolean
  /** Processes that answer clients, by node:cluster. Default 0: this one does. */
  readonly workers?: number
  /**
   * What no file can say: functions, clients of stores, routes, a listener. Or the module whose default export that is,
   * by its path from the working directory or its URL: with `workers` each of them loads it.
   */
  readonly extend?: Extension | string | URL | undefined
  /** Takes the log lines. Default: JSON on the standard output, at the file's `logLevel`. Not with `workers`. */
  readonly logger?: FastifyBaseLogger | undefined
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
  /**
   * Refuses a token from now on, by later readings of the file too.
   * @throws as `revoke()` of @portcullis/auth; a TypeError with workers that share no Redis
   */
  revoke(token: RevokedToken): Promise<void>
  /**
   * Refuses all tokens of a subject that were issued until now.
   * @throws as `revoke` does
   */
  revokeSubject(subject: RevokedSubject): Promise<void>
  /** Says that it is not ready, lets what is under way end, and closes. */
  close(): Promise<void>
}

/**
 * Starts a gateway from a file.
 * @throws ConfigError with every mistake, each with its line; what the rooms refuse to boot with
 * @example const gateway = await startGateway({ file: 'gateway.yaml', extend: { options: { auth: { apiKeys: { find } } } } })
 */
export async function startGateway(options: StartOptions): Promise<GatewayServer> {
  const { extend, logger, workers = 0 } = options
  if (workers > 0 && extend !== undefined && typeof extend !== 'string' && !(extend instanceof URL))
    throw new TypeError(
      "functions of this process cannot go to workers: make `extend` the path of a module, such as './code.mjs', whose default export it is",
    )
  if (workers > 0 && logger !== undefined)
    throw new TypeError('a logger of this process cannot go to workers: leave `logger` or `workers` out')
  const code = await loadCode(extend)
  return open(options, code).catch(async (error: unknown) => {
    await closeCode(code, logger ?? loggerOf({ logLevel: 'info' }))
    throw error
  })
}

async function open(options: StartOptions, code: Code): Promise<GatewayServer> {
  const { file, env = process.env, watch = true, workers = 0 } = options
  const read = (files: Prints): ReadConfig => readConfig(file, env, code, files)
  const first = read(new Map())
  let { config } = first
  const logger = options.logger ?? loggerOf(config)
  const acme = await Acme.open(config, logger, () => renew())
  const certified = (one: Config): Config => acme?.certified(one) ?? one
  const serving: Serving = await (
    workers === 0
      ? Gateway.open(certified(config), logger, code.extension)
      : Workers.open(certified(config), workers, logger, code)
  ).catch((error: unknown) => {
    acme?.close()
    throw first.locate(error)
  })
  let closing = false
  const isReady = async (): Promise<boolean> => !closing && acme?.hasCertificate !== false && (await serving.isReady())
  let keySet = internalKeySet(internalTokenOf(config))
  const own = new Registry()
  const reloads = new Counter({
    name: 'gateway_reloads_total',
    help: 'Readings of the file after the first.',
    labelNames: ['outcome'],
    registers: [own],
  })
  const operation = await Operation.listen(
    {
      '/live': () => ({ type: 'text/plain', body: 'live\n' }),
      '/ready': async () => ((await isReady()) ? { type: 'text/plain', body: 'ready\n' } : null),
      '/metrics': async () => ({
        type: own.contentType,
        body: `${await own.metrics()}\n${await serving.metrics()}`,
      }),
      '/.well-known/jwks.json': () => ({ type: 'application/jwk-set+json', body: keySet, maxAge: 60 }),
    },
    config.operation,
  ).catch(async (error: unknown) => {
    acme?.close()
    await serving.close()
    throw error
  })

  const watching = watch
    ? new FileWatch(first.files, () => {
        reload().catch((error: Error) => logger.error(`gateway: not reloaded: ${error.message}`))
      })
    : null
  logger.info({ ...serving.ports, operation: operation.port }, 'gateway: answering')

  const readAgain = async (): Promise<void> => {
    waiting = undefined
    if (closing) return
    const files: Prints = new Map()
    let published = keySet
    try {
      const { config: given, locate } = read(files)
      const next = asStarted(given, first.config, logger)
      // Before the first token that a new key signs.
      keySet = internalKeySet(internalTokenOf(next))
      operation.renew(next.operation)
      await serving.replace(certified(next)).catch((error: unknown) => {
        throw locate(error)
      })
      published = keySet
      config = next
      watching?.follow(files)
      reloads.inc({ outcome: 'done' })
      logger.info('gateway: reloaded')
    } catch (error) {
      keySet = published
      // What is amiss may be in a file that was not looked after before.
      watching?.followToo(files)
      reloads.inc({ outcome: 'refused' })
      throw error
    }
  }
  let reloading: Promise<unknown> = Promise.resolve()
  /** One that has not begun reads all that changed until then. */
  let waiting: Promise<void> | undefined
  const reload = (): Promise<void> => {
    if (waiting !== undefined) return waiting
    waiting = reloading.then(readAgain)
    reloading = waiting.catch(() => {})
    return waiting
  }
  /** Another certificate, the same reading. */
  const renew = (): void => {
    reloading = reloading
      .then(() => (closing ? undefined : serving.replace(certified(config))))
      .catch((error: Error) => logger.error(`gateway: not served by the next certificate: ${error.message}`))
  }
  acme?.begin()

  let closed: Promise<void> | undefined
  return {
    ports: { ...serving.ports, operation: operation.port },
    reload,
    revoke: (token) => serving.revoke(token),
    revokeSubject: (subject) => serving.revoke(subject),
    close: () =>
      (closed ??= (async () => {
        closing = true
        watching?.stop()
        acme?.close()
        await serving.leave()
        await wait(config.drain.delay * 1000)
        await Promise.race([reloading, wait(LAST_RELOAD, undefined, { ref: false })])
        await serving.close()
        operation.close()
        await closeCode(code, logger)
      })()),
  }
}

/** A reading with what is read at the start alone as it was then: workers that follow begin where the others are. */
function asStarted(next: Config, first: Config, logger: FastifyBaseLogger): Config {
  const readOnce = ({ listen: { host, port, plaintextPort }, operation, redis, logLevel }: Config) =>
    ({ listen: [host, port, plaintextPort], operation: [operation.host, operation.port], redis, logLevel }) as const
  const [was, is] = [readOnce(first), readOnce(next)]
  if (acmeOf(first) === undefined && acmeOf(next) !== undefined)
    throw new Error('listen.tls.acme is read at the start alone: start again')
  for (const key of ['listen', 'operation', 'redis', 'logLevel'] as const) {
    if (JSON.stringify(was[key]) !== JSON.stringify(is[key]))
      logger.warn(`gateway: ${key} has changed: it is read at the start alone`)
  }
  const { host, port, plaintextPort } = first.listen
  const { plaintextPort: _later, ...listen } = next.listen
  const { redis: _other, ...rest } = next
  return {
    ...rest,
    listen: { ...listen, host, port, ...(plaintextPort === undefined ? {} : { plaintextPort }) },
    ...(first.redis === undefined ? {} : { redis: first.redis }),
    logLevel: first.logLevel,
  }
}
