import { Readable } from 'node:stream'
import xss, {
  attachment,
  dangerouslyTrustHtml,
  hijack,
  html as page,
  jsonForScript,
  richText,
  sanitizeHtml,
} from '@portcullis/xss'
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify'

/** What a comment is: an author, who is text, and a body, which is rich text. Both are the payload. */
interface Comment {
  readonly author: string
  readonly body: string
}

const schema = {
  type: 'object',
  properties: { author: { type: 'string' }, body: { type: 'string', contentMediaType: 'text/html' } },
}
/** A page whose script asks for the comment and shows its body, as rich text is shown. */
const reader = `<!doctype html><p id=p></p><script>
  fetch(location.pathname.replace('/json/', '/comments/')).then((answer) => answer.json())
    .then(({ body }) => { document.getElementById('p').innerHTML = body })
</script>`

/** What both have: comments are stored as they were written. */
function store(app: FastifyInstance): (reply: FastifyReply) => Comment {
  const comments: Comment[] = []
  app.post<{ Body: Comment }>('/comments', async ({ body }) => ({ number: comments.push(body) - 1 }))
  app.get('/comments/:number', { schema: { response: { 200: schema } } }, (_request, reply) => reply.send(asked(reply)))
  app.get('/', (_request, reply) => reply.type('text/plain').send('An empty page'))
  const asked = (reply: FastifyReply): Comment => {
    const { number } = reply.request.params as { number: string }
    return comments[Number(number)] ?? { author: '', body: '' }
  }
  return asked
}

type Answer = (comment: Comment, reply: FastifyReply) => unknown
type Answers = Readonly<Record<string, Answer>>

function serve(app: FastifyInstance, pages: Answers, others: Answers, meant: object): FastifyInstance {
  const asked = store(app)
  for (const [answers, how] of [[pages, meant] as const, [others, {}] as const]) {
    for (const [place, answer] of Object.entries(answers)) {
      app.get(`/${place}/:number`, how, (_request, reply) => {
        const answered = answer(asked(reply), reply)
        if (typeof answered === 'string') reply.type('text/html').send(answered)
      })
    }
  }
  return app
}

const doctype = '<!doctype html>'

/** Documents that no route says it answers with: both apps send them in the same words. */
const documents: Answers = {
  error: ({ author }, reply) =>
    void reply.code(400).type('text/html').send(`<!doctype html><p>No such thing: ${author}</p>`),
  upload: ({ body }, reply) => void reply.header('content-type', 'text/html').send(Buffer.from(body)),
  viewer: ({ body }, reply) =>
    void reply.header('content-type', 'application/x-google-chrome-pdf').send(Buffer.from(doctype + body)),
  svg: ({ body }, reply) => void reply.header('content-type', 'image/svg+xml').send(Buffer.from(image(body))),
  xhtml: ({ body }, reply) => {
    const headers = { 'content-type': 'application/xhtml+xml' }
    void reply.send(new Response(`<html xmlns="http://www.w3.org/1999/xhtml"><body>${body}</body></html>`, { headers }))
  },
  stream: ({ body }, reply) => void reply.send(Readable.from([`<!doctype html>${body}`])),
}
const image = (body: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">${body}</svg>`

/** An app that escapes nothing: one page for each place. */
export function bare(options: object): FastifyInstance {
  const pages: Answers = {
    text: ({ author }) => `${doctype}<p>${author}</p>`,
    attribute: ({ author }) => `${doctype}<input value="${author}">`,
    single: ({ author }) => `${doctype}<input value='${author}'>`,
    unquoted: ({ author }) => `${doctype}<input value=${author}>`,
    link: ({ author }) => `${doctype}<a href="${author}">x</a>`,
    script: ({ author }) => `${doctype}<script>var author = "${author}"</script>`,
    title: ({ author }) => `${doctype}<title>${author}</title>`,
    textarea: ({ author }) => `${doctype}<textarea>${author}</textarea>`,
    json: () => reader,
  }
  const hijacked: Answer = ({ body }, reply) => {
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/html' }).end(doctype + body)
  }
  return serve(Fastify(options), pages, { ...documents, hijacked }, {})
}

/** The same app with the room, and nothing else: no CSP, no other room. One page has all the places. */
export async function guarded(options: object): Promise<FastifyInstance> {
  const app = Fastify(options)
  await app.register(xss)
  const pages: Answers = {
    page: ({ author, body }) => {
      const rich = richText(body, { profile: 'article' })
      return `${String(page`${dangerouslyTrustHtml(doctype)}<title>${author}</title><p>${author}</p><p>${rich}</p>
        <input value="${author}"><input value='${author}'><textarea>${author}</textarea>
        <a href="${author}">x</a>
        <script type="application/json">${{ author, body }}</script>`)}
        <p>${sanitizeHtml(body)}</p><p>${sanitizeHtml(body, { profile: 'text' })}</p>
        <script>var author = ${jsonForScript(author)}</script>`
    },
    json: () => reader,
  }
  const hijacked: Answer = ({ body }, reply) =>
    void hijack(reply)
      .writeHead(200, { 'content-type': 'text/html' })
      .end(doctype + body)
  const saved: Answer = ({ body, author }, reply) =>
    void attachment(reply, { name: author, type: 'text/html' }).send(doctype + body)
  return serve(app, pages, { ...documents, hijacked, saved }, { config: { security: { xss: { html: true } } } })
}
