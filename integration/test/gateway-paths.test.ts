import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import gateway from '@portcullis/gateway'
import { serverOptions } from '@portcullis/kernel'
import validation, { type AdmittedFault } from '@portcullis/validation'
import Fastify from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'

const asked: string[] = []
const service = createServer(({ url }, response) => {
  asked.push(url as string)
  response.end('ok')
})
beforeAll(async () => once(service.listen(0, '127.0.0.1'), 'listening'))
afterAll(() => void service.close())

async function answerTo(url: string, admitInPath: AdmittedFault[], reportOnly = false): Promise<string> {
  const app = Fastify(serverOptions())
  await app.register(validation, { admitInPath, reportOnly, dangerouslyAdmitUndeclared: ['params'] })
  await app.register(gateway, {
    upstreams: {
      service: {
        targets: [`http://127.0.0.1:${(service.address() as AddressInfo).port}`],
        dangerouslyPlaintext: true,
      },
    },
    internalToken: { issuer: 'gateway', key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
    dangerouslyWithoutAuth: true,
    routes: [{ match: { path: '/files/*' }, upstream: 'service', rewrite: '/store/*' }],
  })
  const { statusCode, body } = await app.inject(url)
  await app.close()
  return statusCode === 200 ? 'forwarded' : (JSON.parse(body) as { code: string }).code
}

it.each<[AdmittedFault, string]>([
  ['semicolon', 'a;b=1'],
  ['empty-segment', 'a//b'],
  ['encoded-slash', 'a%2Fb'],
  ['double-encoding', 'a%252Fb'],
])('what validation admits in paths, %s, the gateway forwards as it is', async (fault, rest) => {
  asked.length = 0
  expect(await answerTo(`/files/${rest}`, [])).toBe('PTC_VALIDATION_PATH_REFUSED')
  expect(await answerTo(`/files/${rest}`, [fault])).toBe('forwarded')
  expect(asked).toEqual([`/store/${rest}`])
})

it('what validation only reports, the gateway does not forward', async () => {
  asked.length = 0
  expect(await answerTo('/files/a;b', [], true)).toBe('PTC_GATEWAY_PATH_REFUSED')
  expect(asked).toEqual([])
})
