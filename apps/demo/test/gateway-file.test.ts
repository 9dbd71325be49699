import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gatewayIssuer } from '../src/internal-tokens.ts'
import { accessTokens, keyPrefix, stepUpAge } from '../src/tokens.ts'
import { refreshCookie } from '../src/user-service/refresh-cookie.ts'
import { type StandingDemo, standDemo } from './standing-demo.ts'

const text = readFileSync(new URL('../gateway.yaml', import.meta.url), 'utf8')

describe('gateway.yaml', () => {
  it.each([
    ['the issuer of access tokens', `issuer: ${accessTokens.issuer}`],
    ['their audience', `audience: ${accessTokens.audience}`],
    ['how long they live', `maxTokenAge: ${accessTokens.lifetime}`],
    ['how API keys begin', `prefix: ${keyPrefix}`],
    ['the refresh cookie', `session: ${refreshCookie}`],
    ['its own name', `issuer: ${gatewayIssuer}`],
    ['how long a password counts', `stepUp: { maxAge: ${stepUpAge} }`],
  ])('says of %s what the services say', (_what, words) => {
    expect(text).toContain(words)
  })

  it('holds no secret', () => {
    expect(text).not.toMatch(/BEGIN|(?:key|secrets?|ca):\s*\[?'?[^\s$'[]/)
  })
})

let demo: StandingDemo
beforeAll(async () => void (demo = await standDemo()))
afterAll(() => demo?.close())

describe('a reload', () => {
  it('admits no token of a session that has ended, and every API key', async () => {
    const { token } = await demo.signIn()
    const { json } = await demo.call('POST', '/api-keys', {
      token,
      json: { name: 'shell', scopes: ['users:read'], days: 1 },
    })
    expect((await demo.call('POST', '/logout/everywhere', { token })).status).toBe(204)
    await demo.reload()
    expect((await demo.call('GET', '/users/profile', { token })).status).toBe(401)
    const key = json.key as string
    expect((await demo.call('GET', '/users', { headers: { 'x-api-key': key } })).status).toBe(200)
    expect((await demo.call('GET', '/openapi.json')).json.paths['/users'].get.security).toEqual([
      { bearer: ['users:read'] },
      { apiKey: ['users:read'] },
    ])
  })

  it('gives nobody a quota again', async () => {
    const from = '127.7.7.7'
    const left = async (): Promise<number> =>
      Number(/r=(\d+)/.exec(String((await demo.call('GET', '/csrf-token', { from })).headers['ratelimit']))?.[1])
    const before = await left()
    await demo.reload()
    expect(await left()).toBe(before - 1)
  })
})

describe('the operation address', () => {
  it('says that the gateway is ready, and counts its requests by the routes of the file', async () => {
    const { token } = await demo.signIn()
    await demo.call('GET', '/users/profile', { token })
    const at = demo.addresses.operation
    expect((await fetch(`${at}/ready`)).status).toBe(200)
    const metrics = await (await fetch(`${at}/metrics`)).text()
    expect(metrics).toMatch(/^gateway_requests_total\{route="\/users\/profile",method="GET",status="200"\} 1$/m)
    expect(metrics).toMatch(/^gateway_target_up\{upstream="user-service",.*\} 1$/m)
  })

  it('is no part of what clients are answered', async () => {
    for (const path of ['/ready', '/live', '/metrics', '/.well-known/jwks.json'])
      expect((await demo.call('GET', path)).status).toBe(401)
  })
})
