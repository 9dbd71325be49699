import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requiredProgram } from '@portcullis/testing/installed'
import { hasPostgres, type PostgresServer, startPostgres } from '@portcullis/testing/postgres'
import Fastify from 'fastify'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import postgres, { databaseOf, sql } from '../src/index.ts'

/** A certificate that vouches for itself, for one host. */
function certificate(host: string): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-sql-tls-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const request = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'.split(' ')
    const subject = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`]
    const made = spawnSync('openssl', [...request, ...subject, '-keyout', key, '-out', cert])
    if (made.status !== 0) throw new Error(String(made.error ?? made.stderr))
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const isPossible = hasPostgres && requiredProgram('openssl', 'version')

describe.runIf(isPossible)('a server that speaks TLS', () => {
  const good = isPossible ? certificate('localhost') : { key: '', cert: '' }
  const foreign = isPossible ? certificate('other.example') : { key: '', cert: '' }
  let server: PostgresServer
  let impostor: PostgresServer
  beforeAll(async () => {
    server = await startPostgres(good)
    impostor = await startPostgres(foreign)
    const admin = new pg.Client({ connectionString: server.url })
    await admin.connect()
    await admin.query('create role app login; create table posts (id integer); grant select on posts to app')
    await admin.end()
  })
  afterAll(async () => {
    await server?.stop()
    await impostor?.stop()
  })

  async function boot(of: PostgresServer, ca: string): Promise<unknown> {
    const app = Fastify()
    const url = of.url.replace('postgres@127.0.0.1', 'app@localhost')
    try {
      await app.register(postgres, { url, ca, rights: { 'public.posts': ['SELECT'] } })
      const { rows } = await databaseOf(app).query(
        sql`select ssl, version from pg_catalog.pg_stat_ssl where pid = pg_backend_pid()`,
      )
      return rows[0]
    } catch (error) {
      return (error as Error).message
    } finally {
      await app.close()
    }
  }

  it('is spoken to in TLS once its certificate is verified', async () => {
    expect(await boot(server, good.cert)).toMatchObject({ ssl: true, version: expect.stringMatching(/^TLSv1\.[23]$/) })
  })

  it('with a certificate of nobody’s is accepted by pg with sslmode=no-verify, and refused here', async () => {
    const lax = new pg.Client({ connectionString: `${impostor.url}?sslmode=no-verify` })
    await lax.connect()
    await lax.end()
    expect(await boot(impostor, good.cert)).toMatch(/^PTC_SQL_UNREACHABLE: .*self-signed certificate/)
  })

  it('with a certificate of nobody’s is accepted by a pool that asks for none, and refused here all the same', async () => {
    const pool = new pg.Pool({
      connectionString: impostor.url,
      ssl: { rejectUnauthorized: false },
      connectionTimeoutMillis: 5000,
    })
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    const app = Fastify()
    app.register(postgres, { pool, rights: { 'public.posts': ['SELECT'] } })
    await expect(app.ready()).rejects.toMatchObject({ code: 'PTC_SQL_UNVERIFIED' })
    await app.close()
  })

  it('with a verified certificate of another host is refused', async () => {
    expect(await boot(impostor, foreign.cert)).toMatch(/^PTC_SQL_UNREACHABLE: .*(?:altnames|does not match)/)
  })
})
