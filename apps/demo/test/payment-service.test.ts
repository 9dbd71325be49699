import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import { createKeyPair, createOwnTokens, type OwnTokens } from '../src/internal-tokens.ts'
import { createPaymentService } from '../src/payment-service/service.ts'
import { createCertificates } from '../src/certificates.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let service: FastifyInstance
let tokens: OwnTokens
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-ca-'))
  const { paymentService: certificate } = await createCertificates(folder)
  const keys = createKeyPair()
  tokens = await createOwnTokens(keys)
  const pool = { query: () => Promise.resolve({ rows: [] }) } as unknown as pg.Pool
  service = await createPaymentService({ certificate, gatewayKey: keys.publicKey, log: { level: 'silent' } }, pool)
})
afterAll(async () => {
  await service?.close()
  await tokens?.close()
  await rm(folder, { recursive: true, force: true })
})

const ask = (url: string, token: string) =>
  service.inject({
    method: url === '/api/transfer' ? 'POST' : 'GET',
    url,
    headers: { authorization: `Bearer ${token}`, host: 'payment-service.local' },
  })

describe('the payment service', () => {
  it('asks for a recent password by itself: it does not rely on the gateway', async () => {
    const answer = await ask('/api/transfer', tokens.issue('payment-service', 'transfers:write'))
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'PTC_AUTH_STEP_UP_REQUIRED'])
  })

  it('takes no token for another service, and none without the scope', async () => {
    expect((await ask('/api/accounts', tokens.issue('payment-service', 'accounts:read'))).statusCode).toBe(200)
    expect((await ask('/api/accounts', tokens.issue('user-service', 'accounts:read'))).statusCode).toBe(401)
    expect((await ask('/api/accounts', tokens.issue('payment-service', 'keys:find'))).statusCode).toBe(403)
  })
})
