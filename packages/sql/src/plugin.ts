import { defineRoom, emit } from '@portcullis/kernel'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import pg from 'pg'
import type { Listeners } from './gate.ts'
import { errors } from './errors.ts'
import { events } from './events.ts'
import { columnsOf, findings } from './least-privilege.ts'
import { optionsSchema, type SqlOptions } from './options.ts'
import { check, compilePolicy } from './policy.ts'
import type { PgPool } from './pool.ts'
import { readRights } from './rights.ts'
import { secureDatabase, type SecureDatabase } from './secure-database.ts'

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
    const pool = options.pool ?? openPool(options, app)
    const database = secureDatabase<never>(pool, listeners(app))
    let open = true
    const end = async (): Promise<void> => {
      // A pool may be ended once only.
      if (open) await pool.end()
      open = false
    }
    app.addHook('onClose', end)
    try {
      await holdToRights(database, options, app)
    } catch (error) {
      await end()
      throw error
    }
    Object.defineProperty(app, DATABASE, { value: database })
    return { compile: () => ({}) }
  },
})
export default plugin

/**
 * The database of the app or scope that registered the room.
 * @throws PTC_SQL_ABSENT
 * @example const { rows } = await databaseOf(request).query(sql`select name from users where id = ${id}`)
 */
export function databaseOf<Tables = Record<string, never>>(
  asker: FastifyInstance | FastifyRequest,
): SecureDatabase<Tables> {
  const app = 'raw' in asker ? asker.server : asker
  const database = (app as { readonly [DATABASE]?: SecureDatabase<Tables> })[DATABASE]
  if (database === undefined) throw new errors.PTC_SQL_ABSENT()
  return database
}

function openPool(options: Readonly<SqlOptions>, app: FastifyInstance): PgPool {
  const pool = new pg.Pool({ ...compilePolicy(options) } as pg.PoolConfig)
  // An idle connection that the server ends, or one that ends between two statements, is no reason for the process to die:
  // the next statement fails, and says so.
  const log = (error: Error): void => {
    if (!pool.ending) app.log.warn({ err: error }, 'sql: a connection ended')
  }
  pool.on('error', log)
  pool.on('connect', (client) => void client.on('error', log))
  return pool as unknown as PgPool
}

function listeners(app: FastifyInstance): Listeners {
  return {
    onRefused(reason) {
      app.log.error({ reason }, 'sql: a query of unknown origin was refused')
      emit(app, events['sql.refused'], {
        outcome: 'denied',
        code: errors.PTC_SQL_QUERY_REFUSED.code,
        detail: { reason },
      })
    },
    onFailed({ refusal, cause }) {
      if (refusal.status >= 500) app.log.error({ err: cause }, 'sql: the database failed')
      const { detail = {} } = refusal.details
      emit(app, refusal.event, { outcome: 'denied', code: refusal.code, detail })
    },
  }
}

/** @throws PTC_SQL_RIGHTS_EXCESSIVE, PTC_SQL_UNREACHABLE; under `reportOnly` both are told instead */
async function holdToRights(
  database: SecureDatabase<never>,
  options: Readonly<SqlOptions>,
  app: FastifyInstance,
): Promise<void> {
  let error: Error
  try {
    const { rights } = options
    const found = findings(await readRights(database, Object.keys(rights), columnsOf(rights)), options)
    if (found.length === 0) return
    const list = (parts: readonly string[]): string => [...new Set(parts)].map((part) => `  ${part}`).join('\n')
    error = new errors.PTC_SQL_RIGHTS_EXCESSIVE(
      list(found.map(({ sentence }) => sentence)),
      list(found.map(({ line }) => line)),
    )
  } catch (failure) {
    const { cause } = failure as Error
    error = new errors.PTC_SQL_UNREACHABLE(cause instanceof Error ? cause.message : String(failure))
  }
  if (options.reportOnly !== true) throw error
  app.log.warn(error.message)
  emit(app, events['sql.overprivileged'], { outcome: 'observed', code: (error as { code?: string }).code ?? '' })
}
