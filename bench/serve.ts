/** One subject in a process of its own: `node serve.ts <comparison> <subject>`, driven over the IPC channel. */
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Answer, Comparison, Program, Question, Setup } from './comparison.ts'

const [comparisonName = '', subjectName = ''] = process.argv.slice(2)

/** Exactly 200 bytes as JSON. */
const reply = { id: 101, username: 'masum', email: 'masum@example.com', about: '' }
reply.about = 'x'.repeat(200 - Buffer.byteLength(JSON.stringify(reply)))

async function start(setup: Setup): Promise<Program> {
  const { default: comparison } = (await import(`./comparisons/${comparisonName}.ts`)) as { default: Comparison }
  const make = comparison.subjects[subjectName]
  if (make === undefined) throw new Error(`no subject is named ${subjectName}`)
  const made = await make(setup)
  if ('cpu' in made) return made
  if (comparison.proxies !== true) addRoute(made, comparison)
  await made.listen({ port: 0, host: '127.0.0.1' })
  const { port } = made.server.address() as AddressInfo
  return { port, cpu: () => process.cpuUsage(), close() {} }
}

/** The route that answers. */
function addRoute(app: FastifyInstance, { apiKeys, path = '/', post, preflights }: Comparison): void {
  const properties = {
    id: { type: 'integer' },
    username: { type: 'string' },
    email: { type: 'string' },
    about: { type: 'string' },
  }
  const authenticates = subjectName.startsWith('ours') && apiKeys === undefined
  const config = authenticates ? { security: { auth: {} } } : {}
  app.get(path, { schema: { response: { 200: { type: 'object', properties } } }, config }, async () => reply)
  if (post !== undefined) {
    const schema = { body: post.schema, response: { 200: { type: 'object', properties } } }
    app.post(path, { schema }, async () => reply)
  }
  if (preflights === true) app.post(path, async () => reply)
}

let program: Program | undefined

function answer(what: Answer): void {
  process.send?.(what)
}

process.on('message', (question: Question) => {
  if (question.ask === 'cpu') {
    answer(program === undefined ? { failed: 'it does not run' } : { cpu: program.cpu() })
    return
  }
  start(question.setup).then(
    (started) => {
      program = started
      answer({ port: started.port })
    },
    (error: unknown) => answer({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  )
})
// The runner is gone, or has seen enough: so are we.
process.on('disconnect', () => {
  program?.close()
  process.exit()
})
