import { postgresSchema } from '@portcullis/issuer'
import pg from 'pg'
import { type EmbeddedDatabase, startEmbeddedDatabase } from './embedded.ts'
import { grantStatements } from './rights.ts'
import { ensureRoles, roles, type Secrets } from './roles.ts'
import { schema } from './schema.ts'
import { seed } from './seed.ts'

/** The database, as its parts get to see it: one connection string each. */
export interface Database {
  readonly usersUrl: string
  readonly paymentsUrl: string
  /** For the issuer's sessions and keys. */
  readonly issuerUrl: string
  /** Encrypts the private keys of access tokens in the database; the same for all processes that use it. */
  readonly issuerSecret: string
  /** Makes CSRF tokens; the same for all processes too. */
  readonly csrfSecret: string
  /** For tests: the connection string that made the tables. */
  readonly adminUrl: string
  /** Where the data lies, if the server is ours. */
  readonly dataFolder: string | null
  close(): Promise<void>
}

/**
 * Opens the database at `url`, or starts one of our own, and brings roles, tables, rights and seeds up to date.
 * @param url a role that may create roles and schemas; what the demo makes there is kept.
 */
export async function openDatabase(url?: string): Promise<Database> {
  let embedded: EmbeddedDatabase | undefined
  try {
    embedded = url === undefined ? await startEmbeddedDatabase() : undefined
    const adminUrl = url ?? (embedded as EmbeddedDatabase).adminUrl
    const { secrets, name } = await migrate(adminUrl)
    const urlOf = (part: 'users' | 'payments' | 'issuer'): string =>
      withRole(adminUrl, name, roles[part], secrets[part])
    return {
      adminUrl,
      usersUrl: urlOf('users'),
      paymentsUrl: urlOf('payments'),
      issuerUrl: urlOf('issuer'),
      issuerSecret: secrets.keys,
      csrfSecret: secrets.csrf,
      dataFolder: embedded?.dataFolder ?? null,
      close: async () => embedded?.stop(),
    }
  } catch (error) {
    await embedded?.stop()
    throw error
  }
}

async function migrate(adminUrl: string): Promise<{ readonly secrets: Secrets; readonly name: string }> {
  const admin = new pg.Client({ connectionString: adminUrl })
  // Its death fails the statement under way; without a listener it would end the process too.
  admin.on('error', () => {})
  await admin.connect()
  try {
    // One process at a time: two that make the same things at once get in each other's way.
    await admin.query(`select pg_advisory_lock(hashtext('portcullis'))`)
    const secrets = await ensureRoles(admin)
    const name = admin.database ?? 'postgres'
    await admin.query(`grant create on database ${pg.escapeIdentifier(name)} to ${pg.escapeIdentifier(roles.owner)}`)
    await admin.query('begin')
    await admin.query(`set local role ${pg.escapeIdentifier(roles.owner)}`)
    await admin.query(postgresSchema)
    await admin.query(schema)
    await admin.query(grantStatements())
    await seed(admin)
    await admin.query('commit')
    return { secrets, name }
  } finally {
    await admin.end()
  }
}

/** Without parameters: `@portcullis/sql` takes none, which could switch off what it switches on. */
function withRole(adminUrl: string, database: string, role: string, password: string): string {
  const url = new URL(adminUrl)
  url.search = ''
  url.pathname = `/${encodeURIComponent(database)}`
  url.username = role
  url.password = password
  return url.href
}
