import type { FastifyInstance } from 'fastify'
import { rights } from '../database/rights.ts'
import { createPrivateService, type PrivateServiceOptions } from '../private-service.ts'
import { paymentRoutes } from './routes.ts'

/** The private payment service: accounts and transfers. `databaseUrl` is its own role's. */
export async function createPaymentService(
  options: Omit<PrivateServiceOptions, 'audience' | 'rooms' | 'database'>,
  databaseUrl: string,
): Promise<FastifyInstance> {
  const app = await createPrivateService({
    ...options,
    audience: 'payment-service',
    database: { url: databaseUrl, rights: rights.payments, rowSecurity: ['portcullis_payments.transfers'] },
  })
  paymentRoutes(app)
  return app
}
