/** One subject in a process of its own: `node serve.ts <comparison> <subject>`, driven over the IPC channel. */
import type { AddressInfo } from 'node:net'
import type { Answer, Comparison, Question, Setup } from './comparison.ts'

const [comparisonName = '', subjectName = ''] = process.argv.slice(2)

/** Exactly 200 bytes as JSON. */
const reply = { id: 101, username: 'masum', email: 'masum@example.com', about: '' }
reply.about = 'x'.repeat(200 - Buffer.byteLength(JSON.stringify(reply)))

async function listen(setup: Setup): Promise<number> {
  const { default: comparison } = (await import(`./comparisons/${comparisonName}.ts`)) as { default: Comparison }
  const make = comparison.subjects[subjectName]
  if (make === undefined) throw new Error(`no subject is named ${subjectName}`)
  const app = await make(setup)
  const properties = {
    id: { type: 'integer' },
    username: { type: 'string' },
    email: { type: 'string' },
    about: { type: 'string' },
  }
  const authenticates = subjectName.startsWith('ours') && comparison.apiKeys === undefined
  const config = authenticates ? { security: { auth: {} } } : {}
  app.get('/', { schema: { response: { 200: { type: 'object', properties } } }, config }, async () => reply)
  if (comparison.post !== undefined) {
    const schema = { body: comparison.post.schema, response: { 200: { type: 'object', properties } } }
    app.post('/', { schema }, async () => reply)
  }
  if (comparison.preflights === true) app.post('/', async () => reply)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

function answer(what: Answer): void {
  process.send?.(what)
}

process.on('message', (question: Question) => {
  if (question.ask === 'cpu') {
    answer({ cpu: process.cpuUsage() })
    return
  }
  listen(question.setup).then(
    (port) => answer({ port }),
    (error: unknown) => answer({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
// The runner is gone: so are we.
process.on('disconnect', () => process.exit())
