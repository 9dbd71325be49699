import { databaseOf } from '@portcullis/sql'
import { sanitizeHtml } from '@portcullis/xss'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { callerOf, forUsers } from '../caller.ts'
import { answerProblem, problemSchema } from '../problem.ts'
import { Readable } from 'node:stream'
import { addComment, addPost, exportPosts, listComments, listPosts, type Post } from './posts.ts'
import { commentAnswer, commentBody, idParams, noQuery, postAnswer, postBody } from './schemas.ts'

const querystring = noQuery

/**
 * Posts, and what others say to them. Titles are text. Bodies and comments are HTML: stored as they were written,
 * sanitised when they leave, so that a better sanitizer mends old ones too.
 */
export function postRoutes(app: FastifyInstance): void {
  const database = databaseOf(app)
  const unknown = (reply: FastifyReply): FastifyReply =>
    answerProblem(reply, 404, 'DEMO_POST_UNKNOWN', 'There is no such post.')

  app.get(
    '/api/posts',
    {
      config: forUsers('posts:read'),
      schema: { querystring, response: { 200: { type: 'array', items: postAnswer } } },
    },
    () => listPosts(database),
  )

  const exported = { querystring, response: { 200: { type: 'array', items: postAnswer } } }
  app.get('/api/posts/export', { config: forUsers('posts:read'), schema: exported }, async (_request, reply) => {
    const posts = exportPosts(database)
    // Before the first byte leaves, a database that is away is still a 503.
    const first = await posts.next()
    // Post by post: however many there are, few of them are in memory.
    return reply.type('application/json').send(Readable.from(jsonList(first, posts)))
  })

  app.post<{ Body: { title: string; body: string } }>(
    '/api/posts',
    { config: forUsers('posts:write'), schema: { body: postBody, querystring, response: { 201: postAnswer } } },
    async (request, reply) => reply.code(201).send(await addPost(database, callerOf(request), request.body)),
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
    async (request, reply) => (await listComments(database, Number(request.params.id))) ?? unknown(reply),
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
      const added = await addComment(database, callerOf(request), Number(request.params.id), request.body.comment)
      return added === null ? unknown(reply) : reply.code(201).send(added)
    },
  )
}

/** No serializer sees a stream: what response schemas say of rich text has to be done here. */
const written = (post: Post): string => JSON.stringify({ ...post, body: sanitizeHtml(post.body) })

async function* jsonList(first: IteratorResult<Post>, others: AsyncIterable<Post>): AsyncGenerator<string, void> {
  yield first.done === true ? '[' : `[${written(first.value)}`
  for await (const post of others) yield `,${written(post)}`
  yield ']'
}
