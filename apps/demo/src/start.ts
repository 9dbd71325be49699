import type { RevokedSubject, RevokedToken } from '@portcullis/auth'
import { rotateKeys } from '@portcullis/issuer'
import { Redis } from 'ioredis'
import { type Ports, choosePorts, names } from './addresses.ts'
import { createBrowserApp } from './browser-app/app.ts'
import { createCertificates } from './certificates.ts'
import { openDatabase } from './database/open.ts'
import { openGateway } from './gateway/gateway.ts'
import { createKeyPair } from './internal-tokens.ts'
import { type Limits, standardLimits } from './limits.ts'
import type { LogSettings } from './logging.ts'
import { createPaymentService } from './payment-service/service.ts'
import { createUserService } from './user-service/service.ts'

/** How to start the demo. */
export interface StartOptions {
  readonly ports: Ports
  /** A PostgreSQL role that may create roles and schemas; absent: a server of our own. */
  readonly databaseUrl?: string | undefined
  /** Moves the limits to Redis; absent: they are kept in memory. */
  readonly redisUrl?: string | undefined
  /** Folder of the development CA; absent: `.portcullis` in the repository, which git ignores. */
  readonly certificateFolder?: string | undefined
  /** What each caller may ask; absent: the demo's own limits. */
  readonly limits?: Limits | undefined
  /** Pino's level: `warn` shows what was refused, `info` every request too. */
  readonly logLevel: string
  /** Takes the lines; absent: standard output. */
  readonly logStream?: LogSettings['stream']
}

/** The demo, standing. */
export interface Demo {
  readonly addresses: {
    readonly gateway: string
    readonly api: string
    readonly plaintext: string
    readonly app: string
    /** Private: `/live`, `/ready`, `/metrics` of the gateway. */
    readonly operation: string
    /** Private: only the gateway is let in. */
    readonly userService: string
    readonly paymentService: string
  }
  /** The development CA's certificate, PEM. */
  readonly caFile: string
  /** What the database is, in words. */
  readonly database: string
  /** Where the limits are kept, in words. */
  readonly limits: string
  /** For tests: the connection strings of the database. */
  readonly databaseUrls: Readonly<Record<'admin' | 'users' | 'payments' | 'issuer', string>>
  /** For tests: what the private keys of access tokens are encrypted with. */
  readonly issuerSecret: string
  /** Lets the next key sign access tokens. They rotate by age without it. */
  rotateKeys(options?: { readonly compromised?: boolean }): Promise<unknown>
  /** For tests: reads `gateway.yaml` again, as it happens by itself when the file changes. */
  reload(): Promise<void>
  /** Stops everything, in the opposite order. */
  close(): Promise<void>
}

/** Starts everything. If one part fails, the ones that stand already are stopped again. */
export async function startDemo(options: StartOptions): Promise<Demo> {
  const closers: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer()
  }
  try {
    return { ...(await start(options, closers)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function start(options: StartOptions, closers: (() => unknown)[]): Promise<Omit<Demo, 'close'>> {
  const log: LogSettings = { level: options.logLevel, stream: options.logStream }
  const limits = options.limits ?? standardLimits
  const [ports, certificates] = await Promise.all([
    choosePorts(options.ports),
    createCertificates(options.certificateFolder),
  ])

  const database = await openDatabase(options.databaseUrl)
  closers.push(() => database.close())

  const redis = options.redisUrl === undefined ? undefined : await connectRedis(options.redisUrl)
  if (redis !== undefined) closers.push(() => redis.disconnect())

  const internalKeys = createKeyPair()
  const gatewayKey = internalKeys.publicKey
  // The gateway stands last, and nobody is let in before it does. With Redis it tells those of other processes.
  const refusing = {
    token: (one: RevokedToken): Promise<void> => gateway.revoke(one),
    subject: (one: RevokedSubject): Promise<void> => gateway.revokeSubject(one),
  }
  const userService = await createUserService(
    { certificate: certificates.userService, gatewayKey, log },
    {
      databaseUrl: database.usersUrl,
      issuerUrl: database.issuerUrl,
      issuerSecret: database.issuerSecret,
      revoke: refusing,
      limits,
      redis,
    },
  )
  closers.push(() => userService.close())
  const userAddress = await userService.listen({ host: '127.0.0.1', port: 0 })
  const paymentService = await createPaymentService(
    { certificate: certificates.paymentService, gatewayKey, log },
    database.paymentsUrl,
  )
  closers.push(() => paymentService.close())
  const paymentAddress = await paymentService.listen({ host: '127.0.0.1', port: 0 })

  const app = `https://${names.app}:${ports.app}`
  const gateway = await openGateway({
    certificate: certificates.gateway,
    ca: certificates.ca,
    ports,
    appOrigin: app,
    csrfSecret: database.csrfSecret,
    internalKeys,
    services: { user: userAddress, payment: paymentAddress },
    limits,
    redis,
    log,
  })
  closers.push(() => gateway.close())

  const api = `https://${names.api}:${ports.gateway}`
  const browserApp = await createBrowserApp({
    certificate: certificates.app,
    host: `${names.app}:${ports.app}`,
    api,
    log,
  })
  closers.push(() => browserApp.close())
  await browserApp.listen({ host: '127.0.0.1', port: ports.app })

  return {
    addresses: {
      gateway: `https://${names.local}:${ports.gateway}`,
      api,
      plaintext: `http://${names.local}:${ports.plaintext}`,
      app,
      operation: `http://127.0.0.1:${ports.operation}`,
      userService: userAddress,
      paymentService: paymentAddress,
    },
    caFile: certificates.caFile,
    database:
      database.dataFolder === null
        ? 'the one of DATABASE_URL'
        : `PostgreSQL of its own, data in ${database.dataFolder}`,
    limits: redis === undefined ? 'in memory' : 'in Redis',
    issuerSecret: database.issuerSecret,
    reload: () => gateway.reload(),
    rotateKeys: (rotation) => rotateKeys(userService, rotation),
    databaseUrls: {
      admin: database.adminUrl,
      users: database.usersUrl,
      payments: database.paymentsUrl,
      issuer: database.issuerUrl,
    },
  }
}

async function connectRedis(url: string): Promise<Redis> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, connectTimeout: 3000 })
  // Later outages are the rate-limit room's to report; the client reconnects by itself.
  redis.on('error', () => {})
  try {
    await redis.connect()
  } catch (error) {
    redis.disconnect()
    throw new Error('Redis does not answer at REDIS_URL', { cause: error })
  }
  return redis
}
