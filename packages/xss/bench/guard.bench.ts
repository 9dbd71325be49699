import Fastify, { type FastifyReply } from 'fastify'
import sanitize from 'sanitize-html'
import { measure } from '../../../bench/measure.ts'
import { html, jsonForScript, sanitizeHtml } from '../src/index.ts'
import { escapeHtml } from '../src/escape.ts'
import { compilePolicy } from '../src/policy.ts'

/** A reply that is never sent: what is written on it stays. */
async function held(): Promise<{ reply: FastifyReply }> {
  return new Promise((resolve) => {
    const app = Fastify()
    app.get('/held', (_request, reply) => {
      reply.hijack()
      resolve({ reply })
    })
    void app.inject('/held')
  })
}

const policy = compilePolicy({ html: true })

/** What the onSend step does for an answer of one type. */
async function guarding(type: string | undefined): Promise<() => unknown> {
  const { reply } = await held()
  return () => {
    reply.removeHeader('x-content-type-options')
    if (type === undefined) reply.removeHeader('content-type')
    else reply.header('content-type', type)
    reply.header('x-content-type-options', 'nosniff')
    const decision = policy(reply.getHeader('content-type'))
    if (decision.type !== null) reply.header('content-type', decision.type)
  }
}

/** The same without the guard: what the reply is set up with. */
async function unguarded(type: string): Promise<() => unknown> {
  const { reply } = await held()
  return () => {
    reply.removeHeader('x-content-type-options')
    reply.header('content-type', type)
  }
}

await measure('one answer', {
  'no guard': await unguarded('application/json; charset=utf-8'),
  'JSON, guarded': await guarding('application/json; charset=utf-8'),
  'HTML that is meant, guarded': await guarding('text/html; charset=utf-8'),
  'text without a charset, guarded': await guarding('text/plain'),
  'no type, guarded': await guarding(undefined),
})

const name = 'Tom & "Jerry"'
const url = '/users?q=a'
await measure('a template of three values', {
  'a template string, escaped by hand': () =>
    `<a href="${escapeHtml(url)}" title="${escapeHtml(name)}">${escapeHtml(name)}</a>`,
  'html`…`': () => html`<a href="${url}" title="${name}">${name}</a>`,
})

const value = { id: 7, name, tags: ['a', 'b', '</script>'] }
await measure('JSON for a script', {
  'JSON.stringify': () => JSON.stringify(value),
  jsonForScript: () => jsonForScript(value),
})

const comment = '<p>A <b>bold</b> word, a <a href="https://a.example/">link</a> and a list</p><ul><li>one<li>two</ul>'
const defaults = sanitize.defaults
await measure('a comment of 100 bytes', {
  'sanitize-html, its defaults': () => sanitize(comment, defaults),
  'sanitizeHtml, basic': () => sanitizeHtml(comment),
  'sanitizeHtml, without markup': () => sanitizeHtml('A word, a link and a list, which is what most comments are.'),
})
