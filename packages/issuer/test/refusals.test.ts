import Fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import issuer, { hashPassword, refresh, verifyPassword } from '../src/index.ts'
import { smallest } from './stage.ts'

it('a refusal that a handler returns as its answer is never a 200, and the log says what to write', async () => {
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'error', stream: { write: (line: string) => void lines.push(line) } } })
  onTestFinished(() => app.close())
  await app.register(issuer, smallest)
  // What leaves of a refusal by this is `{}`.
  const schema = { response: { 200: { type: 'object', properties: { accessToken: { type: 'string' } } } } }
  app.get('/refresh', { schema }, async (request) => refresh(request, 'a'.repeat(43)))
  app.get('/password', { schema }, async (request) => hashPassword(request, 'short'))
  app.get('/login', { schema }, async (request) => verifyPassword(request, 'whatever it was', null))
  for (const url of ['/refresh', '/password', '/login']) {
    expect([url, (await app.inject(url)).statusCode]).toEqual([url, 500])
    expect(lines.splice(0).join('')).toContain('as if it were data; write: return refuse(request, reply, refusal)')
  }
})
