import xss, { attachment, html } from '@portcullis/xss'
import Fastify, { type FastifyInstance } from 'fastify'

interface Post {
  title: string
  body: string
}
const posts: Post[] = []

export const app: FastifyInstance = Fastify()
await app.register(xss)

// JSON: the body is rich text; it is stored as written, and leaves sanitised.
const post = {
  type: 'object',
  properties: { title: { type: 'string' }, body: { type: 'string', contentMediaType: 'text/html' } },
}
app.get('/posts', { schema: { response: { 200: { type: 'array', items: post } } } }, async () => posts)
app.post<{ Body: Post }>('/posts', async ({ body }, reply) => {
  posts.push(body)
  return reply.code(201).send({ number: posts.length })
})

// A page: the route says that it answers with HTML, the template escapes each value for its place.
app.get('/page', { config: { security: { xss: { html: true } } } }, async (_request, reply) => {
  const items = posts.map(({ title }) => html`<li><a href="/posts?title=${title}" title="${title}">${title}</a></li>`)
  const page = html`<!doctype html><title>Posts</title>
    <ul>
      ${items}
    </ul>
    <script type="application/json" id="posts">
      ${posts}
    </script>`
  return reply.type('text/html').send(String(page))
})

// A file of a stranger's: saved, never shown.
app.get('/files/:name', async (request, reply) => {
  const { name } = request.params as { name: string }
  return attachment(reply, { name, type: 'text/html' }).send(Buffer.from('<script>alert(1)</script>'))
})

if (import.meta.main) await app.listen({ port: 3000 })
