import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type EmbeddedDatabase, startEmbeddedDatabase } from '../../apps/demo/src/database/embedded.ts'
import { prepare } from '../sql-app.ts'

const folder = join(import.meta.dirname, '../.portcullis', randomUUID())
const text = readFileSync(join(import.meta.dirname, '../../docs/guides/sql-injection.md'), 'utf8')
const blocks = (language: string): string[] =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, code = '']) => code)

let database: EmbeddedDatabase
let app: FastifyInstance
beforeAll(async () => {
  database = await startEmbeddedDatabase()
})
afterAll(async () => {
  await app?.close()
  await database?.stop()
  rmSync(folder, { recursive: true, force: true })
})

it('the guide "SQL injection" runs when pasted, its grants and its policy too', async () => {
  const tables = `
    create table posts (id integer primary key, title text not null, created_at timestamptz not null default now());
    create table notes (id integer primary key, owner text not null, text text not null);
    insert into posts values (1, 'one'), (2, '100 %'), (3, '100 x');
    insert into notes values (1, 'alice', 'of alice');`
  const [grants = '', policy = ''] = blocks('sql')
  const url = await prepare(database.adminUrl, [tables, grants.replace('…', 'of-the-test'), policy], 'of-the-test')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'pasted.ts')
  writeFileSync(
    file,
    `${blocks('ts').join('\n').replace("process.env.DATABASE_URL ?? ''", JSON.stringify(url))}\nexport { app }`,
  )
  ;({ app } = (await import(/* @vite-ignore */ file)) as { app: FastifyInstance })

  const get = async (path: string): Promise<unknown> => (await app.inject(path)).json()
  expect(await get('/posts/1')).toEqual([{ title: 'one' }])
  expect(await get(`/posts/${encodeURIComponent("1' or '1'='1")}`)).toEqual([])
  expect(await get(`/posts?search=${encodeURIComponent('0 %')}&sort=-title`)).toEqual([{ id: 2, title: '100 %' }])
  expect(await get(`/posts?sort=${encodeURIComponent('id; drop table posts')}&ids=3&ids=1`)).toHaveLength(2)
  expect(await get('/notes')).toEqual([])
})
