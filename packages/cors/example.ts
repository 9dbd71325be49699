import cors, { defineCors } from '@portcullis/cors'
import Fastify from 'fastify'

export const app = Fastify()

// With defineCors the compiler refuses what the boot would: 'https://app.example.com/' is a type error.
await app.register(cors, defineCors({ origins: ['https://app.example.com'], credentials: true }))

app.get('/orders', async () => [{ id: 1, total: 1999 }])
app.post('/orders', async () => ({ id: 2 }))

// Everybody may read this one, without credentials.
app.get('/status', { config: { security: { cors: { origins: ['*'], credentials: false } } } }, async () => 'up')

// No other origin may read this one.
app.get('/internal', { config: { security: { cors: false } } }, async () => ({ build: 'a1b2c3' }))

if (import.meta.main) await app.listen({ port: 3000 })
