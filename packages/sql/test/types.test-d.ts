import type { FastifyPluginAsync } from 'fastify'
import pg from 'pg'
import postgres, { oneOf, orderBy, secureDatabase, type SecureDatabase, sql, type SqlOptions } from '../src/index.ts'

postgres satisfies FastifyPluginAsync<SqlOptions>
void ({ url: 'postgres://a@b/c', rights: { 'public.a': ['SELECT'] }, reportOnly: true } satisfies SqlOptions)

const database = secureDatabase<{ posts: { id: number; title: string } }>(new pg.Pool())
database satisfies SecureDatabase<{ posts: { id: number; title: string } }>
void database
  .query<{ id: number }>(sql`select id from posts`)
  .then(({ rows }) => rows[0]?.id satisfies number | undefined)
void database.kysely
  .selectFrom('posts')
  .select('title')
  .where(oneOf(sql`id`, [1], 'integer'))

// @ts-expect-error a text is no statement
void database.query('select 1')
// @ts-expect-error nor is what pg takes
void database.query({ text: 'select 1' })
// @ts-expect-error there is no way to paste a text
sql.raw('select 1')
// @ts-expect-error nor a literal
sql.lit('a')
// @ts-expect-error a column that the builder does not know
void database.kysely.selectFrom('posts').select('password')
// @ts-expect-error the default is one of the columns
orderBy({ allow: ['title'], otherwise: 'id' })
// @ts-expect-error rights are declared
void ({ url: 'postgres://a@b/c' } satisfies SqlOptions)
// @ts-expect-error verification has no switch
void ({ url: 'postgres://a@b/c', rights: {}, rejectUnauthorized: false } satisfies SqlOptions)
