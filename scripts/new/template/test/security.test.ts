import Fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, it } from 'vitest'
import __camel__ from '../src/index.ts'

/** An app whose handler believes the field that a proxy in front of it was meant to write. */
function believing(): FastifyInstance {
  const app = Fastify()
  app.get('/public', async (request) => (request.headers['x-original-url'] === '/admin' ? 'the secret' : 'the lobby'))
  return app
}

const attack = { url: '/public', headers: { 'x-original-url': '/admin' } }

describe('an URL override', () => {
  it('reads what another URL guards on a bare Fastify', async () => {
    const app = believing()
    expect((await app.inject(attack)).body).toBe('the secret')
    await app.close()
  })

  it('is refused before the handler, without an echo', async () => {
    const app = believing()
    await app.register(__camel__)
    const answer = await app.inject(attack)
    expect(answer.statusCode).toBe(400)
    expect(answer.body).not.toContain('admin')
    await app.close()
  })
})
