import Fastify from 'fastify'
import postgres, { contains, databaseOf, orderBy, sql } from '@portcullis/sql'

export const app = Fastify()
await app.register(postgres, {
  url: process.env['DATABASE_URL'] ?? 'postgres://app@127.0.0.1:5432/app',
  // All that the role may do; the app does not start if it may do more.
  rights: { 'public.posts': ['SELECT', 'INSERT'] },
})

const order = orderBy({ allow: ['title', 'created_at'], otherwise: 'created_at', tieBreaker: 'id' })
const text = { type: 'string', maxLength: 200 }

type Search = { search?: string; sort?: string }
const querystring = { type: 'object', properties: { search: text, sort: text } }
app.get<{ Querystring: Search }>('/posts', { schema: { querystring } }, async (request) => {
  const { search = '', sort } = request.query
  const { rows } = await databaseOf(request).query<{ id: number; title: string }>(
    sql`select id, title from posts where ${contains(sql`title`, search)} ${order(sort)} limit 50`,
  )
  return rows
})

const body = { type: 'object', required: ['title'], properties: { title: text } }
app.post<{ Body: { title: string } }>('/posts', { schema: { body } }, async (request, reply) => {
  // A title that is taken becomes a 409, a NUL byte a 400, a database that is away a 503.
  await databaseOf(request).query(sql`insert into posts (title) values (${request.body.title})`)
  return reply.code(201).send()
})

if (import.meta.main) await app.listen({ port: 3000 })
