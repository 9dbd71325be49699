import { Kysely, PostgresDialect } from 'kysely'
import { measure } from '../../../bench/measure.ts'
import { sql } from '../src/index.ts'
import { openDatabase } from '../src/secure-database.ts'

// A pool that answers at once: what is measured is everything up to the socket.
const rows = [{ id: 1, title: 'one' }]
const answer = Promise.resolve({ command: 'SELECT', rowCount: 1, rows })
const client = { query: () => answer, release: () => undefined }
const connected = Promise.resolve(client)
const pool = { connect: () => connected, end: () => Promise.resolve() }

interface Tables {
  posts: { id: number; title: string; author: number; created_at: string }
}

const plain = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: pool as never }) })
const open = openDatabase<Tables>(pool as never, {})
const database = open()
const request = { url: '/posts' }

function search(kysely: Kysely<Tables>): Promise<unknown> {
  return kysely
    .selectFrom('posts')
    .select(['id', 'title'])
    .where('author', '=', 7)
    .where((eb) => eb.or([eb('title', 'ilike', '%x%'), eb('id', 'in', [1, 2, 3])]))
    .orderBy('created_at', 'desc')
    .limit(50)
    .execute()
}

await measure('a search in the builder', {
  'plain Kysely': () => search(plain),
  gated: () => search(database.kysely),
  'gated, for a request': () => search(open(request).kysely),
})

await measure('one row by its key', {
  'plain Kysely': () => plain.selectFrom('posts').selectAll().where('id', '=', 1).execute(),
  gated: () => database.kysely.selectFrom('posts').selectAll().where('id', '=', 1).execute(),
  'gated, for a request': () => open(request).kysely.selectFrom('posts').selectAll().where('id', '=', 1).execute(),
  'a template': () => database.query(sql`select id, title from posts where id = ${1}`),
  'a template, for a request': () => open(request).query(sql`select id, title from posts where id = ${1}`),
})
