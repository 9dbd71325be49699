import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FastifyInstance } from 'fastify'
import { createKeyPair, createOwnTokens, type OwnTokens } from '../src/internal-tokens.ts'
import { createPaymentService } from '../src/payment-service/service.ts'
import { createCertificates } from '../src/certificates.ts'
import { type Database, openDatabase } from '../src/database/open.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let service: FastifyInstance
let tokens: OwnTokens
let folder: string
let database: Database
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-ca-'))
  const { paymentService: certificate } = await createCertificates(folder)
  const keys = createKeyPair()
  tokens = await createOwnTokens(keys)
  database = await openDatabase()
  service = await createPaymentService(
    { certificate, gatewayKey: keys.publicKey, log: { level: 'silent' } },
    database.paymentsUrl,
  )
})
afterAll(async () => {
  await service?.close()
  await tokens?.close()
  await database?.close()
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
    // Admitted; but the gateway itself is no user, and has no accounts.
    const admitted = await ask('/api/accounts', tokens.issue('payment-service', 'accounts:read'))
    expect([admitted.statusCode, admitted.json().code]).toEqual([400, 'PTC_SQL_VALUE_REFUSED'])
    expect((await ask('/api/accounts', tokens.issue('user-service', 'accounts:read'))).statusCode).toBe(401)
    expect((await ask('/api/accounts', tokens.issue('payment-service', 'keys:find'))).statusCode).toBe(403)
  })

  it('takes what its schemas describe, even from the gateway', async () => {
    const token = tokens.issue('payment-service', 'accounts:read')
    for (const url of ['/api/accounts?owner=102', '/api//accounts', '/api/accounts;a=b'])
      expect([url, (await ask(url, token)).statusCode]).toEqual([url, 400])
  })

  it('does not start with a role that may do more than it needs', async () => {
    const { paymentService: certificate } = await createCertificates(folder)
    const start = (url: string) =>
      createPaymentService({ certificate, gatewayKey: createKeyPair().publicKey, log: { level: 'silent' } }, url)
    await expect(start(database.adminUrl)).rejects.toThrow(/postgres is a superuser/)
    await expect(start(database.usersUrl)).rejects.toThrow(
      /REVOKE UPDATE \(last_used_at\) ON portcullis_users\.api_keys FROM portcullis_user_service;/,
    )
  })
})
