import type { FastifyInstance } from 'fastify'

export default async function orders(app: FastifyInstance): Promise<void> {
  app.get('/orders', { config: { security: { auth: {} } } }, async () => [{ id: 1 }])
}
