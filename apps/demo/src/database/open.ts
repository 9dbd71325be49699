import { postgresSchema } from '@portcullis/issuer'
import pg from 'pg'
import { type EmbeddedDatabase, startEmbeddedDatabase } from './embedded.ts'
import { ensureRoles, roles, type Secrets } from './roles.ts'
import { grants, schema } from './schema.ts'
import { seed } from './seed.ts'

/** The database, as the services get to see it: one connection string each. */
export interface Database {
  readonly usersUrl: string
  readonly paymentsUrl: string
  /** Encrypts the private keys of access tokens in the database; the same for all processes that use it. */
  readonly issuerSecret: string
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
    const secrets = await migrate(adminUrl)
    return {
      adminUrl,
      usersUrl: withRole(adminUrl, roles.users, secrets.users),
      paymentsUrl: withRole(adminUrl, roles.payments, secrets.payments),
      issuerSecret: secrets.issuer,
      dataFolder: embedded?.dataFolder ?? null,
      close: async () => embedded?.stop(),
    }
  } catch (error) {
    await embedded?.stop()
    throw error
  }
}

async function migrate(adminUrl: string): Promise<Secrets> {
  const admin = new pg.Client({ connectionString: adminUrl })
  // Its death fails the statement under way; without a listener it would end the process too.
  admin.on('error', () => {})
  await admin.connect()
  try {
    // One process at a time: two that make the same things at once get in each other's way.
    await admin.query(`select pg_advisory_lock(hashtext('portcullis'))`)
    const secrets = await ensureRoles(admin)
    const database = pg.escapeIdentifier(admin.database ?? 'postgres')
    await admin.query(`grant create on database ${database} to ${pg.escapeIdentifier(roles.owner)}`)
    await admin.query('begin')
    await admin.query(`set local role ${pg.escapeIdentifier(roles.owner)}`)
    await admin.query(postgresSchema)
    await admin.query(schema)
    await admin.query(
      grants
        .replaceAll('%users%', pg.escapeIdentifier(roles.users))
        .replaceAll('%payments%', pg.escapeIdentifier(roles.payments)),
    )
    await seed(admin)
    await admin.query('commit')
    return secrets
  } finally {
    await admin.end()
  }
}

function withRole(adminUrl: string, role: string, password: string): string {
  const url = new URL(adminUrl)
  url.username = role
  url.password = password
  return url.href
}
