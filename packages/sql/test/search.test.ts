import { hasPostgres } from '@portcullis/testing/postgres'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  contains,
  jsonText,
  oneOf,
  orderBy,
  secureDatabase,
  type SecureDatabase,
  sql,
  startsWith,
} from '../src/index.ts'
import { stage } from './stage.ts'

const at = stage()
let pool: pg.Pool
let database: SecureDatabase<{ posts: { id: number; title: string; doc: unknown } }>
beforeAll(() => {
  if (!hasPostgres) return
  pool = new pg.Pool({ connectionString: at.url })
  pool.on('error', () => undefined)
  database = secureDatabase(pool)
})
afterAll(() => pool?.end())

const first = async (part: ReturnType<typeof sql>): Promise<unknown> =>
  (await database.query<{ value: unknown }>(sql`select ${part} as value`)).rows[0]?.value

/** Text as PostgreSQL takes it, with what LIKE reads as more than text. */
const text = fc.string({ unit: fc.constantFrom('%', '_', '\\', "'", '"', 'a', 'b', ' ', '$', 'ß') })

describe.runIf(hasPostgres)('a search', () => {
  it('takes every character as itself', async () => {
    await fc.assert(
      fc.asyncProperty(text, text, async (whole, part) => {
        expect(await first(contains(sql`${whole}::text`, part))).toBe(whole.includes(part))
        expect(await first(startsWith(sql`${whole}::text`, part))).toBe(whole.startsWith(part))
      }),
      { numRuns: 100 },
    )
  })

  it('finds capital letters too', async () => {
    expect(await first(contains(sql`${'One'}::text`, 'oN'))).toBe(true)
  })

  it.each([
    ['integer', [1, 2], '2', true],
    ['integer', [1, 2], '3', false],
    ['integer', [], '3', false],
    ['bigint', [9_007_199_254_740_993n], '9007199254740993', true],
    ['text', ["a'b", '{c,d}'], '{c,d}', true],
    ['boolean', [true], 'true', true],
    ['uuid', ['A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'], 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', true],
    ['timestamptz', ['2026-01-01T00:00:00Z'], '2026-01-01 01:00:00+01', true],
  ] as const)('finds what is in a list of %s %o: %s', async (type, list, value, found) => {
    const columns = {
      integer: sql`${value}::integer`,
      bigint: sql`${value}::bigint`,
      text: sql`${value}::text`,
      boolean: sql`${value}::boolean`,
      uuid: sql`${value}::uuid`,
      timestamptz: sql`${value}::timestamptz`,
    }
    expect(await first(oneOf(columns[type], list, type))).toBe(found)
  })

  it('reads a document at a path, which is text whatever it holds', async () => {
    const document = sql`${JSON.stringify({ a: { "b'c": [{ d: 'found' }] } })}::jsonb`
    expect(await first(jsonText(document, ['a', "b'c", 0, 'd']))).toBe('found')
    expect(await first(jsonText(document, ['a', '}']))).toBeNull()
    expect(await first(jsonText(document, ["a' or '1'='1"]))).toBeNull()
  })

  it('sorts by what is listed, either way, and by the default otherwise', async () => {
    const order = orderBy({ allow: ['title', 'id'], otherwise: 'id' })
    const titles = async (wanted: unknown): Promise<unknown> =>
      (await database.query<{ title: string }>(sql`select title from posts ${order(wanted)}`)).rows[0]?.title
    expect(await titles('title')).toBe('100 %')
    expect(await titles('-title')).toBe('two')
    for (const wanted of [
      undefined,
      null,
      '',
      '-',
      'Title',
      '--title',
      'title desc',
      ['title'],
      { title: 1 },
      'constructor',
    ])
      expect(await titles(wanted)).toBe('one')
  })

  it('is part of a builder’s query as well, under a plugin too', async () => {
    const query = database.kysely
      .withSchema('public')
      .selectFrom('posts')
      .select('title')
      .where(contains(sql`title`, '0 %'))
      .where(oneOf(sql`id`, [1, 2, 3], 'integer'))
    expect(await query.execute()).toEqual([{ title: '100 %' }])
  })

  it('needs lists of names', () => {
    expect(() => sql.identifier([])).toThrow('an allow-list must name its identifiers')
    expect(() => sql.identifier('title' as never)).toThrow('an allow-list must name its identifiers')
  })

  it('lists values with commas between them, and nothing as null', async () => {
    const within = (values: readonly number[]) => first(sql`3 in (${sql.list(values)})`)
    expect([await within([1, 3]), await within([1]), await within([])]).toEqual([true, false, null])
  })
})
