import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import { createPrivateService, type PrivateServiceOptions } from '../private-service.ts'
import { paymentRoutes } from './routes.ts'

/** The private payment service: accounts and transfers. */
export async function createPaymentService(
  options: Omit<PrivateServiceOptions, 'audience' | 'rooms'>,
  pool: pg.Pool,
): Promise<FastifyInstance> {
  const app = await createPrivateService({ ...options, audience: 'payment-service' })
  paymentRoutes(app, pool)
  return app
}
