import Fastify from 'fastify'
import headers from '@portcullis/headers'

export const app = Fastify()

// What an API needs: six fields on every answer, also on errors.
await app.register(headers)

app.get('/users/:id', async () => ({ id: 101, username: 'masum' }))

// A page needs more, and a nonce for its scripts.
app.get('/', { config: { security: { headers: { profile: 'web' } } } }, async (request, reply) => {
  reply.type('text/html')
  return `<!doctype html><title>Hello</title><script nonce="${request.security.cspNonce}">document.title = 'Hello!'</script>`
})

if (import.meta.main) await app.listen({ port: 3000 })
