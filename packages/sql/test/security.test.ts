import { hasPostgres } from '@portcullis/testing/postgres'
import { Kysely, PostgresDialect, sql as kyselySql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { orderBy, type PgPool, secureDatabase, type SecureDatabase, sql } from '../src/index.ts'
import { stage } from './stage.ts'

const at = stage()
const refused: string[] = []
const failures: string[] = []
let pool: pg.Pool
let plain: Kysely<any>
let database: SecureDatabase<any>
/** What reached the socket through our pool. */
const sent: unknown[] = []

beforeAll(() => {
  if (!hasPostgres) return
  pool = new pg.Pool({ connectionString: at.adminUrl })
  // The server may end before the last of the sockets does.
  pool.on('error', () => undefined)
  plain = new Kysely<any>({ dialect: new PostgresDialect({ pool }) })
  const listening: PgPool = {
    async connect() {
      const client = await pool.connect()
      return {
        query(statement) {
          sent.push(statement.text)
          return client.query({ ...statement, values: [...statement.values] })
        },
        release: (error) => client.release(error),
      }
    },
    end: () => pool.end(),
  }
  database = secureDatabase<any>(listening, {
    onRefused: (reason) => refused.push(reason),
    onFailed: ({ code }) => failures.push(code),
  })
})
afterAll(() => pool?.end())

/** Ours refuses it, raises the reason, and nothing reaches the socket. */
async function isRefused(act: () => unknown, reason: string): Promise<void> {
  refused.length = 0
  sent.length = 0
  const error: unknown = await Promise.resolve()
    .then(act)
    .then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
  expect(error).toMatchObject({ code: 'PTC_SQL_QUERY_REFUSED', statusCode: 500, message: 'Internal server error.' })
  expect(refused).toEqual([reason])
  expect(sent).toEqual([])
}

const one = { kind: 'ValueNode', value: 1, immediate: true }
const json = (value: unknown): any => JSON.parse(JSON.stringify(value))
const posts = (): any => database.kysely.selectFrom('posts').select('id')

describe.runIf(hasPostgres)('an attack', () => {
  it('with a query object in a body runs against pg, and is refused here', async () => {
    const body = json({ text: 'select secret from secrets', values: [] })
    expect((await pool.query(body)).rows).toEqual([{ secret: 'the crown jewels' }])
    await isRefused(() => database.query(body), 'no-statement')
  })

  it('with a concatenated statement runs against pg, and is refused here', async () => {
    const id = '1 union select secret from secrets'
    const text = `select title from posts where id = ${id}`
    expect((await pool.query(text)).rows).toContainEqual({ title: 'the crown jewels' })
    await isRefused(() => database.query(text as never), 'no-statement')
    await isRefused(() => database.query(kyselySql.raw(text)), 'raw-text')
    expect((await database.query(sql`select title from posts where id::text = ${id}`)).rows).toEqual([])
  })

  it('with stacked statements runs against pg even with values, and is refused here', async () => {
    await pool.query({
      text: "insert into posts (title) values ('stacked'); delete from posts where title = 'two'",
      values: [],
    })
    expect((await pool.query("select from posts where title = 'two'")).rowCount).toBe(0)
    await pool.query("insert into posts (title) values ('two')")
    await isRefused(() => database.query(sql`select 1; delete from posts`), 'stacked-statements')
  })

  it('with stacked statements in two templates gets no further than one statement of the wire protocol', async () => {
    const error: any = await database
      .query(sql`${sql`select 1;`} ${sql`delete from posts`}`)
      .catch((thrown: unknown) => thrown)
    expect([error.code, error.cause.code]).toEqual(['PTC_SQL_FAILED', '42601'])
    expect(error.cause.message).toBe('cannot insert multiple commands into a prepared statement')
  })

  it('with a forged compiled query runs on plain Kysely, and is refused here', async () => {
    const body = json({
      sql: 'select secret from secrets',
      parameters: [],
      query: { kind: 'RawNode' },
      queryId: { queryId: 'a' },
    })
    expect((await plain.executeQuery(body)).rows).toEqual([{ secret: 'the crown jewels' }])
    await isRefused(() => database.kysely.executeQuery(body), 'forged-query')
  })

  it('with a copy of a query that was compiled is refused', async () => {
    const compiled = database.kysely.selectFrom('posts').selectAll().compile()
    await isRefused(() => database.kysely.executeQuery({ ...compiled, sql: 'select * from secrets' }), 'forged-query')
  })

  it('with the query of another database is refused', async () => {
    await isRefused(() => database.kysely.executeQuery(plain.selectFrom('posts').selectAll().compile()), 'forged-query')
  })

  it('with a node in a list of filters runs on plain Kysely, and is refused here', async () => {
    const filters = json([
      { kind: 'RawNode', sqlFragments: ["(select secret from secrets) like 'the crown%'"], parameters: [] },
    ])
    const rows = await plain
      .selectFrom('posts')
      .select('id')
      .where((eb) => eb.and(filters))
      .execute()
    expect(rows.length).toBeGreaterThan(0)
    await isRefused(
      () =>
        posts()
          .where((eb: any) => eb.and(filters))
          .execute(),
      'forged-node',
    )
    await isRefused(
      () =>
        posts()
          .where((eb: any) => eb.or(deepFreeze(json(filters))))
          .execute(),
      'raw-text',
    )
  })

  it.each([
    [
      'operator',
      { kind: 'UnaryOperationNode', operator: { kind: 'OperatorNode', operator: '1=1 or not' }, operand: one },
    ],
    ['function', { kind: 'FunctionNode', func: 'pg_sleep(0)--', arguments: [] }],
    ['function', { kind: 'AggregateFunctionNode', func: 'pg_sleep(0)--', aggregated: [] }],
    ['literal', { kind: 'ValueNode', value: "x' or 'a' = 'a", immediate: true }],
    ['data-type', { kind: 'CastNode', expression: one, dataType: { kind: 'DataTypeNode', dataType: 'int) or (1=1' } }],
    ['raw-text', { kind: 'RawNode', sqlFragments: ['1=1'], parameters: [] }],
    ['json-path', { kind: 'JSONPathNode', pathLegs: [{ kind: 'JSONPathLegNode', type: 'Member', value: "a' --" }] }],
    ['not-postgres', { kind: 'OrActionNode', action: '1=1' }],
  ])('with a frozen node that brings text of its own is refused: %s', async (reason, node) => {
    const frozen = deepFreeze(json(node))
    await isRefused(
      () =>
        posts()
          .where((eb: any) => eb.and([frozen]))
          .execute(),
      reason,
    )
  })

  it('with the name of a prototype’s member as operator passes plain Kysely, and is refused here', async () => {
    const compiled = plain
      .selectFrom('posts')
      .select('id')
      .where('id', 'constructor' as never, 1)
      .compile()
    expect(compiled.sql).toContain('"id" constructor $1')
    await isRefused(() => posts().where('id', 'constructor', 1).execute(), 'operator')
  })

  it('with a polluted prototype adds an operator to plain Kysely, and is refused here', async () => {
    const operator = '= 1 or 1 ='
    const prototype = Object.prototype as Record<string, unknown>
    prototype[operator] = true
    try {
      const rows = await plain
        .selectFrom('posts')
        .select('id')
        .where('id', operator as never, 1)
        .execute()
      expect(rows.length).toBeGreaterThan(1)
      await isRefused(() => posts().where('id', operator, 1).execute(), 'operator')
    } finally {
      delete prototype[operator]
    }
  })

  it('with polluted options of the driver changes what pg sends, and nothing here', async () => {
    const prototype = Object.prototype as Record<string, unknown>
    prototype['rowMode'] = 'array'
    try {
      expect((await pool.query({ text: 'select 1 as one' })).rows).toEqual([[1]])
      const bare = secureDatabase(pool as never)
      expect((await bare.query(sql`select ${1}::int as one`)).rows).toEqual([{ one: 1 }])
    } finally {
      delete prototype['rowMode']
    }
  })

  it('with a function’s name as text runs on plain Kysely, and is refused here', async () => {
    const name = '(select secret from secrets) || version'
    const rows: any[] = await plain
      .selectFrom('posts')
      .select((eb) => eb.fn(name, []).as('x'))
      .limit(1)
      .execute()
    expect(rows[0].x).toMatch(/^the crown jewels/)
    await isRefused(
      () =>
        database.kysely
          .selectFrom('posts')
          .select((eb: any) => eb.fn(name, []).as('x'))
          .execute(),
      'function',
    )
  })

  it.each([
    ['copied', ['select 1']],
    ['frozen', Object.freeze(['select 1'])],
    ['with enumerable raw strings', Object.freeze(Object.assign(['select 1'], { raw: Object.freeze(['select 1']) }))],
  ])('with strings that no template made is refused: %s', async (_how, strings) => {
    await isRefused(() => database.query(sql(strings as never)), 'raw-text')
    await isRefused(() => database.query(kyselySql(strings as never)), 'raw-text')
  })

  it('with an unescaped value between the quotes of a template is told, not run', async () => {
    await isRefused(() => database.query(sql`select * from posts where title like '%${'x'}%'`), 'value-in-quotes')
  })

  it('with a sort order that is SQL sorts by the default', async () => {
    const order = orderBy({ allow: ['title', 'id'], otherwise: 'id' })
    const wanted = 'title; drop table posts'
    expect((await database.query(sql`select id from posts ${order(wanted)} limit 1`)).rows).toEqual([{ id: 1 }])
    expect(sql.identifier(['title'])(wanted)).toBeUndefined()
    expect(sql.identifier(['title'])('__proto__')).toBeUndefined()
  })

  it.each([
    ['=', ['a', 'b']],
    ['=', []],
    ['in', []],
  ])(
    'with an array for a value changes the statement on plain Kysely, and is a bad value here: %s %o',
    async (operator, value) => {
      const changed = plain
        .selectFrom('posts')
        .select('id')
        .where('title', operator as never, json(value))
        .compile()
      expect(changed.sql).toMatch(/(?:=|in) \((?:\$1, \$2)?\)$/)
      sent.length = 0
      const act = (): unknown => posts().where('title', operator, json(value)).execute()
      const error: unknown = await Promise.resolve()
        .then(act)
        .catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'PTC_SQL_VALUE_REFUSED', statusCode: 400 })
      expect(sent).toEqual([])
    },
  )

  it('with more values than the wire can count is refused before the socket', async () => {
    sent.length = 0
    const ids = Array.from({ length: 65_536 }, (_, i) => i)
    // pg counts them in 16 bits: the server is told of none, and reads the rest as something else.
    await expect(plain.selectFrom('posts').select('id').where('id', 'in', ids).execute()).rejects.toThrow(
      /bind|message|parameter/,
    )
    failures.length = 0
    const error: unknown = await posts()
      .where('id', 'in', ids)
      .execute()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'PTC_SQL_VALUE_REFUSED', statusCode: 400 })
    expect(failures).toEqual(['PTC_SQL_VALUE_REFUSED'])
    expect(sent).toEqual([])
  })

  it('with SQL in an isolation level or a savepoint’s name stays one name, or nothing', async () => {
    const level = 'serializable; drop table posts' as never
    await expect(
      database.kysely
        .transaction()
        .setIsolationLevel(level)
        .execute(async () => 1),
    ).rejects.toThrow()
    const transaction = await database.kysely.startTransaction().execute()
    const saved = await transaction.savepoint('a"; drop table posts; --').execute()
    await saved.rollbackToSavepoint('a"; drop table posts; --' as never).execute()
    await transaction.commit().execute()
    expect((await database.query(sql`select 1 from posts limit 1`)).rowCount).toBe(1)
  })

  it('with a statement that makes tables is refused, whatever the role may do', async () => {
    await isRefused(() => database.kysely.schema.createTable('loot').addColumn('a', 'text').execute(), 'no-statement')
  })
})

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) deepFreeze(part)
  return Object.freeze(value)
}
