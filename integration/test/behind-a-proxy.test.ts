import type { AddressInfo } from 'node:net'
import security, { onSecurityEvent, serverOptions } from '@portcullis/security'
import Fastify, { type FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dial, exchange, lastAnswer, request } from './wire.ts'

let app: FastifyInstance
let port: number
const addresses: (string | undefined)[] = []

beforeAll(async () => {
  app = Fastify(serverOptions({ trustProxy: ['127.0.0.1'] }))
  app.register(security, { https: { hosts: ['api.example.com'] } })
  onSecurityEvent(app, (event) => addresses.push(event.request?.ip))
  app.get('/p/:name', async () => 'x')
  await app.listen({ port: 0, host: '127.0.0.1' })
  port = (app.server.address() as AddressInfo).port
})
afterAll(() => app.close())

const forwarded = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '203.0.113.7' }

it.each([
  ['a malformed URL', '/%zz', 400],
  ['an over-long parameter', `/p/${'x'.repeat(300)}`, 414],
  ['a route', '/p/x', 200],
])('believes the proxy about %s too: no redirect, HSTS, the address of the client', async (_what, path, status) => {
  const answer = lastAnswer(await exchange(dial(port), request(`GET ${path}`, forwarded)))
  expect([answer.status, answer.fields['location']]).toEqual([status, undefined])
  expect(answer.fields['strict-transport-security']).toBe('max-age=31536000; includeSubDomains')
  if (status !== 200) expect(addresses.at(-1)).toBe('203.0.113.7')
})

it('redirects a malformed URL that came over plaintext', async () => {
  const answer = lastAnswer(await exchange(dial(port), request('GET /%zz', { 'X-Forwarded-Proto': 'http' })))
  expect([answer.status, answer.fields['location']]).toEqual([301, 'https://api.example.com/%zz'])
})
