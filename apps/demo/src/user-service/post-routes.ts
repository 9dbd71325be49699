import type { FastifyInstance, FastifyReply } from 'fastify'
import { callerOf, forUsers } from '../caller.ts'
import { answerProblem, problemSchema } from '../problem.ts'
import { Readable } from 'node:stream'
import { addComment, addPost, exportPosts, listComments, listPosts } from './posts.ts'
import { commentAnswer, commentBody, idParams, noQuery, postAnswer, postBody } from './schemas.ts'
import type { UserServiceParts } from './service.ts'

const querystring = noQuery

/** Posts, and what others say to them. Text goes in and out as text: what shows it must not read it as markup. */
export function postRoutes(app: FastifyInstance, { pool }: UserServiceParts): void {
  const unknown = (reply: FastifyReply): FastifyReply =>
    answerProblem(reply, 404, 'DEMO_POST_UNKNOWN', 'There is no such post.')

  app.get(
    '/api/posts',
    {
      config: forUsers('posts:read'),
      schema: { querystring, response: { 200: { type: 'array', items: postAnswer } } },
    },
    () => listPosts(pool),
  )

  app.get('/api/posts/export', { config: forUsers('posts:read'), schema: { querystring } }, async (_request, reply) => {
    const posts = exportPosts(pool)
    // Before the first byte leaves, a database that is away is still a 503.
    const first = await posts.next()
    // Post by post: however many there are, few of them are in memory.
    return reply.type('application/json').send(Readable.from(jsonList(first, posts)))
  })

  app.post<{ Body: { title: string; body: string } }>(
    '/api/posts',
    { config: forUsers('posts:write'), schema: { body: postBody, querystring, response: { 201: postAnswer } } },
    async (request, reply) => reply.code(201).send(await addPost(pool, callerOf(request), request.body)),
  )

  app.get<{ Params: { id: string } }>(
    '/api/posts/:id/comments',
    {
      config: forUsers('posts:read'),
      schema: {
        params: idParams,
        querystring,
        response: { 200: { type: 'array', items: commentAnswer }, 404: problemSchema },
      },
    },
    async (request, reply) => (await listComments(pool, Number(request.params.id))) ?? unknown(reply),
  )

  app.post<{ Params: { id: string }; Body: { comment: string } }>(
    '/api/posts/:id/comments',
    {
      config: forUsers('posts:write'),
      schema: {
        params: idParams,
        body: commentBody,
        querystring,
        response: { 201: commentAnswer, 404: problemSchema },
      },
    },
    async (request, reply) => {
      const added = await addComment(pool, callerOf(request), Number(request.params.id), request.body.comment)
      return added === null ? unknown(reply) : reply.code(201).send(added)
    },
  )
}

async function* jsonList(first: IteratorResult<object>, others: AsyncIterable<object>): AsyncGenerator<string, void> {
  yield first.done === true ? '[' : `[${JSON.stringify(first.value)}`
  for await (const item of others) yield `,${JSON.stringify(item)}`
  yield ']'
}
