import { defineRoom, emit } from '@portcullis/kernel'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import pg from 'pg'
import type { Listeners } from './gate.ts'
import { faultAtBoot } from './boot.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { optionsSchema, type SqlOptions } from './options.ts'
import { check, compilePolicy } from './policy.ts'
import type { PgPool } from './pool.ts'
import { openDatabase, type SecureDatabase } from './secure-database.ts'

/** A property of the scope that registered the room: inner scopes inherit it. */
const DATABASE = Symbol.for('portcullis.sql.database')

/** Makes the parameterised query the only possible query. */
const plugin: FastifyPluginAsync<SqlOptions> = defineRoom<SqlOptions>({
  concern: 'sql',
  optionsSchema,
  errors,
  events,
  check,
  async setup(options, app) {
    const pool: PgPool = options.pool ?? new pg.Pool({ ...compilePolicy(options) } as pg.PoolConfig)
    outlive(pool as Partial<pg.Pool>, app)
    const open = openDatabase<never>(pool, listeners(app))
    const database = open()
    let ended = false
    const end = async (): Promise<void> => {
      // A pool may be ended once only.
      if (ended) return
      ended = true
      await pool.end()
    }
    app.addHook('onClose', end)
    try {
      await holdToRights(database, options, app)
    } catch (error) {
      await end()
      throw error
    }
    const databaseFor = (asker: FastifyRequest | undefined): unknown => (asker === undefined ? database : open(asker))
    Object.defineProperty(app, DATABASE, { value: databaseFor })
    return { compile: () => ({}) }
  },
})
export default plugin

/**
 * The database of the app or scope that registered the room. Asked with a request, its events and logs name the request.
 * @throws PTC_SQL_ABSENT
 * @example const { rows } = await databaseOf(request).query(sql`select name from users where id = ${id}`)
 */
export function databaseOf<Tables = Record<string, never>>(
  asker: FastifyInstance | FastifyRequest,
): SecureDatabase<Tables> {
  const request = 'raw' in asker ? asker : undefined
  const app = (request?.server ?? asker) as {
    readonly [DATABASE]?: (asker: FastifyRequest | undefined) => SecureDatabase<Tables>
  }
  const databaseFor = app[DATABASE]
  if (databaseFor === undefined) throw new errors.PTC_SQL_ABSENT()
  return databaseFor(request)
}

/**
 * An idle connection that the server ends, or one that ends between two statements, is no reason for the process to die: the
 * next statement fails, and says so.
 */
function outlive(pool: Partial<pg.Pool>, app: FastifyInstance): void {
  // The pool hangs the whole client on its errors: not for a log.
  const log = ({ message, code }: Error & { code?: string }): void => {
    if (pool.ending !== true) app.log.warn({ reason: message, sqlState: code }, 'sql: a connection ended')
  }
  pool.on?.('error', () => undefined)
  pool.on?.('connect', (client) => void client.on('error', log))
}

function listeners(app: FastifyInstance): Listeners {
  return {
    onRefused(reason, asker) {
      const source = (asker ?? app) as FastifyRequest | FastifyInstance
      source.log.error({ reason }, 'sql: a query of unknown origin was refused')
      emit(source, events['sql.refused'], {
        outcome: 'denied',
        code: errors.PTC_SQL_QUERY_REFUSED.code,
        detail: { reason },
      })
    },
    onFailed({ refusal, cause }, asker) {
      const source = (asker ?? app) as FastifyRequest | FastifyInstance
      if (refusal.status >= 500) source.log.error({ err: cause }, 'sql: the database failed')
      const { detail = {} } = refusal.details
      emit(source, refusal.event, { outcome: 'denied', code: refusal.code, detail })
    },
  }
}

/** @throws PTC_SQL_RIGHTS_EXCESSIVE, PTC_SQL_UNVERIFIED, PTC_SQL_UNREACHABLE; under `reportOnly` they are told instead */
async function holdToRights(
  database: SecureDatabase<never>,
  options: Readonly<SqlOptions>,
  app: FastifyInstance,
): Promise<void> {
  const error = await faultAtBoot(database, options)
  if (error === undefined) return
  if (options.reportOnly !== true) throw error
  app.log.warn(error.message)
  emit(app, events['sql.overprivileged'], { outcome: 'observed', code: error.code })
}
