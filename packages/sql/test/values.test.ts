import { hasPostgres } from '@portcullis/testing/postgres'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  contains,
  jsonText,
  oneOf,
  secureDatabase,
  type SecureDatabase,
  type SqlError,
  sql,
  startsWith,
} from '../src/index.ts'
import { written } from '../src/values.ts'
import { stage } from './stage.ts'

const at = stage()
const told: string[] = []
let pool: pg.Pool
let plain: Kysely<any>
let database: SecureDatabase<any>
beforeAll(() => {
  if (!hasPostgres) return
  // One connection: whatever befalls it, the next statement meets.
  pool = new pg.Pool({ connectionString: at.adminUrl, max: 1 })
  pool.on('error', () => undefined)
  plain = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  database = secureDatabase<any>(pool, {
    onRefused: (reason) => told.push(reason),
    onFailed: ({ code }) => told.push(code),
  })
})
beforeEach(() => void (told.length = 0))
afterAll(() => pool?.end())

/** What a parser of JSON gives; the types of a handler say otherwise. */
const body = (text: string): any => JSON.parse(text)
const nested = (depth: number): any => body('['.repeat(depth) + ']'.repeat(depth))
const half = body('"a\\ud800b"')
const backend = async (): Promise<unknown> => (await pool.query('select pg_backend_pid() as pid')).rows[0]

/** A bad value, told once, and the connection is none the worse. */
async function isRefused(act: () => unknown): Promise<void> {
  const before = await backend()
  const error: unknown = await Promise.resolve()
    .then(act)
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'PTC_SQL_VALUE_REFUSED', statusCode: 400 })
  expect(told).toEqual(['PTC_SQL_VALUE_REFUSED'])
  expect(await backend()).toEqual(before)
}

describe.runIf(hasPostgres)('a value', () => {
  it.each([
    ['an array', nested(20_000)],
    ['a document', body(`${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`)],
  ])('nested too deep is an overflow of the stack in pg, and refused here: %s', async (_what, value) => {
    // Node 26 writes a document of any depth: a text like another, there and here.
    if (!Array.isArray(value) && Number.parseInt(process.versions.node, 10) >= 26) {
      expect((await database.query(sql`select ${value}::text as text`)).rows).toEqual([{ text: JSON.stringify(value) }])
      return
    }
    await expect(pool.query('select $1::text', [value])).rejects.toThrow(RangeError)
    await isRefused(() => database.query(sql`select ${value}::text`))
  })

  it('with half a surrogate pair is stored as another text by pg, and refused here', async () => {
    expect((await pool.query('select $1::text as stored', [half])).rows).toEqual([{ stored: 'a\ufffdb' }])
    await isRefused(() => database.query(sql`select ${half}::text`))
    told.length = 0
    await isRefused(() => database.query(sql`select ${[['x'], [half]]}::text[]`))
  })

  it.each<[string, (value: any) => ReturnType<typeof sql>, unknown[]]>([
    ['contains', (value) => contains(sql`title`, value), [['a'], {}, 1, null]],
    ['startsWith', (value) => startsWith(sql`title`, value), [['a'], {}, 1, null]],
    ['oneOf', (value) => oneOf(sql`id`, value, 'integer'), [{}, 1, 'abc', null]],
    ['jsonText', (value) => sql`${jsonText(sql`doc`, value)} = 'a'`, [{}, 1, 'abc', null, [body('{"toString":1}')]]],
    ['sql.list', (value) => sql`id in (${sql.list(value)})`, [{}, 1, 'abc', null]],
  ])('that %s cannot use is refused when the statement runs', async (_name, part, values) => {
    for (const value of values) {
      told.length = 0
      await isRefused(() => database.query(sql`select id from posts where ${part(value)}`))
    }
  })

  it.each<[string, (kysely: any) => any]>([
    ['no rows', (kysely) => kysely.insertInto('posts').values(body('[]'))],
    ['a row without columns', (kysely) => kysely.insertInto('posts').values(body('{}'))],
    ['no changes', (kysely) => kysely.updateTable('posts').set(body('{}')).where('id', '=', 1)],
    ['one value for a list', (kysely) => kysely.selectFrom('posts').select('id').where('id', 'in', 5)],
  ])(
    'that leaves a hole in the statement is a syntax error with plain Kysely, and refused here: %s',
    async (_, make) => {
      await expect(make(plain).execute()).rejects.toMatchObject({ code: '42601' })
      await isRefused(() => make(database.kysely).execute())
    },
  )

  it('that leaves a conflict without changes is refused', async () => {
    const conflict = (kysely: Kysely<any>): any =>
      kysely
        .insertInto('posts')
        .values({ title: 'one' })
        .onConflict((on) => on.column('title').doUpdateSet({}))
    await expect(conflict(plain).execute()).rejects.toMatchObject({ code: '42601' })
    await isRefused(() => conflict(database.kysely).execute())
  })

  it.each([
    ['a text search', (value: string) => sql`select to_tsquery(${value})`, 'a & | !'],
    ['a text search with an open group', (value: string) => sql`select to_tsquery(${value})`, '('],
    ['a search vector', (value: string) => sql`select ${value}::tsvector`, "'a"],
    ['a JSON path', (value: string) => sql`select jsonb_path_query('{}', ${value}::jsonpath)`, '$.['],
    ['a JSON path with a variable', (value: string) => sql`select jsonb_path_query('{}', ${value}::jsonpath)`, '$1'],
    ['a number’s format', (value: string) => sql`select to_char(1, ${value})`, 'EEEE9'],
    ['a regular expression', (value: string) => sql`select 'a' ~ ${value}`, '('],
    ['a pattern', (value: string) => sql`select 'a' like ${value}`, '\\'],
  ])('with a grammar that it breaks is the caller’s mistake: %s', async (_what, make, value) => {
    await isRefused(() => database.query(make(value)))
  })

  it('that changes one row twice is the caller’s mistake', async () => {
    const rows = body('[{"title":"twice"},{"title":"twice"}]')
    await isRefused(() =>
      database.kysely
        .insertInto('posts')
        .values(rows)
        .onConflict((on) => on.column('title').doUpdateSet((eb) => ({ title: eb.ref('excluded.title') })))
        .execute(),
    )
  })

  it('is written as pg would have', async () => {
    const document = { a: [1, "it's", null] }
    const bytes = Buffer.from('ab')
    const values = [new Date(0), bytes, document, [document], ['x', null, 1], [[1, 2]], true, 7n, undefined]
    const types = 'timestamptz bytea jsonb jsonb[] text[] integer[] boolean bigint text'.split(' ')
    const text = `select ${types.map((type, i) => `$${i + 1}::${type} as v${i}`).join()}`
    expect((await pool.query(text, [...written(values)])).rows).toEqual((await pool.query(text, values)).rows)
    expect(written(values)).toHaveLength(values.length)
  })

  it('that writes itself is asked for it', () => {
    const point = { toPostgres: () => '(1,2)' }
    expect(written([point])[0]).toBe(point)
  })
})

describe.runIf(hasPostgres)('a statement', () => {
  it.each([
    'begin',
    ' START transaction',
    'commit',
    'end',
    'rollback',
    "set portcullis.subject = 'alice'",
    'set role postgres',
    'reset all',
    'discard all',
    'listen channel',
    'prepare plan as select 1',
    'copy posts from stdin',
  ])('that changes the connection for its next user is refused: %s', async (text) => {
    const error = await database.query(templateOf(text)).catch((thrown: SqlError) => thrown)
    expect(error).toMatchObject({ code: 'PTC_SQL_QUERY_REFUSED' })
    expect(told).toEqual(['session-statement'])
  })

  it('that begins a transaction on a pool of pg takes the next caller’s writes along, and is refused here', async () => {
    const client = await pool.connect()
    await client.query('begin')
    client.release()
    await pool.query("insert into posts (title) values ('of another caller')")
    await pool.query('rollback')
    expect((await pool.query("select from posts where title = 'of another caller'")).rowCount).toBe(0)
    await expect(database.query(sql`begin`)).rejects.toMatchObject({ code: 'PTC_SQL_QUERY_REFUSED' })
  })

  it('that sets something for its transaction alone runs', async () => {
    const rows = await database.transaction(async (transaction) => {
      await transaction.query(sql`set local statement_timeout = '2s'`)
      await transaction.query(sql`savepoint a`)
      await transaction.query(sql`rollback to a`)
      return (await transaction.query(sql`select current_setting('statement_timeout') as value`)).rows
    })
    expect(rows).toEqual([{ value: '2s' }])
  })

  it('of the builder that reads the first rows runs', async () => {
    const first = database.kysely.selectFrom('posts').select('id').orderBy('id').fetch(1, 'with ties')
    expect(await first.execute()).toEqual([{ id: 1 }])
  })
})

/** A template as a program's source would hold it. */
function templateOf(text: string): ReturnType<typeof sql> {
  const strings = [text]
  Object.defineProperty(strings, 'raw', { value: Object.freeze([text]) })
  return sql(Object.freeze(strings) as never)
}
