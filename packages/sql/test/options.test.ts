import Fastify from 'fastify'
import { expect, it } from 'vitest'
import postgres from '../src/index.ts'

const url = 'postgres://app:secret@127.0.0.1:1/app'
const rights = { 'public.posts': ['SELECT'] }

async function mistakes(options: object): Promise<{ path: string; rule: string; message: string }[]> {
  const app = Fastify()
  app.register(postgres, options as never)
  try {
    await app.ready()
    return []
  } catch (error) {
    return (error as { mistakes?: [] }).mistakes ?? []
  } finally {
    await app.close()
  }
}

it.each([
  ['nothing at all', {}, ['rights required', 'url no-database']],
  ['no database', { rights }, ['url no-database']],
  ['what is no pool', { pool: {}, rights }, ['pool no-pool']],
  ['two databases', { url, pool: { connect() {}, end() {} }, rights }, ['url two-databases']],
  ['another database', { url: 'mysql://app@localhost/app', rights }, ['url no-url']],
  ['no role', { url: 'postgres://localhost/app', rights }, ['url no-url']],
  ['no database name', { url: 'postgres://app@localhost', rights }, ['url no-url']],
  ['a URL that switches verification off', { url: `${url}?sslmode=no-verify`, rights }, ['url url-parameters']],
  [
    'a URL that sets server options',
    { url: `${url}?options=-c%20statement_timeout%3D0`, rights },
    ['url url-parameters'],
  ],
  ['a table without a schema', { url, rights: { posts: ['SELECT'] } }, ['rights.posts propertyNames']],
  ['all rights', { url, rights: { 'public.posts': ['ALL'] } }, ['rights["public.posts"][0] pattern']],
  [
    'a right on columns that are SQL',
    { url, rights: { 'public.posts': ['UPDATE (a); DROP'] } },
    ['rights["public.posts"][0] pattern'],
  ],
  ['row-level security without rights', { url, rights, rowSecurity: ['public.notes'] }, ['rowSecurity[0] no-rights']],
  [
    'row-level security without any rights',
    { url, rowSecurity: ['public.notes'] },
    ['rights required', 'rowSecurity[0] no-rights'],
  ],
  ['no limit', { url, rights, statementTimeout: 0 }, ['statementTimeout minimum']],
  ['a misspelt name', { url, rights, statmentTimeout: 1 }, ['statmentTimeout additionalProperties']],
])('refuses %s', async (_what, options, expected) => {
  const found = await mistakes(options)
  expect(found.map(({ path, rule }) => `${path} ${rule}`)).toEqual(expected)
  expect(JSON.stringify(found.map(({ message }) => message))).not.toContain('secret')
})

it('says what a right and the name of a table look like', async () => {
  const found = await mistakes({ url, rights: { posts: ['SELECT'], 'public.posts': ['insert', 'UPDATE(title)'] } })
  const right =
    "must be SELECT, INSERT, UPDATE, DELETE, TRUNCATE or EXECUTE, or one on columns, such as 'UPDATE (email)'"
  expect(found.map(({ message }) => message)).toEqual([
    'must be a name with its schema, such as public.users; write it so, or remove it',
    `${right}; write 'INSERT'`,
    `${right}; write 'SELECT'`,
  ])
})
