import { errors } from './errors.ts'
import { columnsOf, findings } from './least-privilege.ts'
import type { SqlOptions } from './options.ts'
import { readRights } from './rights.ts'
import type { SecureDatabase } from './secure-database.ts'
import { faultOfTransport } from './transport.ts'

/** Asks the database what the app must not start with: an error of the boot, undefined if there is nothing. */
export async function faultAtBoot(
  database: SecureDatabase<never>,
  { pool, rights, dangerouslyPlaintext, ...others }: Readonly<SqlOptions>,
): Promise<(Error & { readonly code: string }) | undefined> {
  try {
    const transport = pool === undefined || dangerouslyPlaintext === true ? null : await faultOfTransport(pool)
    if (transport !== null) return new errors.PTC_SQL_UNVERIFIED(transport)
    const facts = await readRights(database, Object.keys(rights), columnsOf(rights))
    const found = findings(facts, { rights, ...others })
    if (found.length === 0) return undefined
    const list = (parts: readonly string[]): string => [...new Set(parts)].map((part) => `  ${part}`).join('\n')
    return new errors.PTC_SQL_RIGHTS_EXCESSIVE(
      list(found.map(({ sentence }) => sentence)),
      list(found.map(({ line }) => line)),
    )
  } catch (failure) {
    const { cause } = failure as Error
    return new errors.PTC_SQL_UNREACHABLE(cause instanceof Error ? cause.message : String(failure))
  }
}
