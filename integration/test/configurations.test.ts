import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Mistake, RoomPlugin, Schema } from '@portcullis/kernel'
import security, { serverOptions, type SecurityOptions } from '@portcullis/security'
import audit from '@portcullis/audit'
import auth from '@portcullis/auth'
import cors from '@portcullis/cors'
import csrf from '@portcullis/csrf'
import gateway from '@portcullis/gateway'
import headers from '@portcullis/headers'
import https, { developmentCertificates } from '@portcullis/https'
import issuer from '@portcullis/issuer'
import rateLimit from '@portcullis/rate-limit'
import sql from '@portcullis/sql'
import throttle from '@portcullis/throttle'
import xss from '@portcullis/xss'
import Fastify from 'fastify'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { mended } from '@portcullis/testing/patch'
import { fullHouse, type House, mutations } from './configurations.ts'

const plugins = { audit, auth, cors, csrf, gateway, headers, https, issuer, rateLimit, sql, throttle, xss }
const schemaOf = (plugin: unknown): Schema =>
  (plugin as Record<symbol, RoomPlugin>)[Symbol.for('portcullis.room')]?.optionsSchema as Schema

let folder: string
let tls: { key: string; cert: string }
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'portcullis-'))
  const { key, cert } = await developmentCertificates(folder, { hosts: ['localhost'] })
  tls = { key, cert }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Boots an app with these options: its mistakes, none if it boots. */
async function boot(options: SecurityOptions): Promise<readonly Mistake[]> {
  const app = Fastify({ ...serverOptions({ https: tls }), pluginTimeout: 0 })
  try {
    app.register(security, options)
    await app.ready()
    return []
  } catch (error) {
    const { code, mistakes } = error as { code?: string; mistakes?: readonly Mistake[] }
    // The options are right: there is no database at the address that the fix gives as an example.
    if (code === 'PTC_SQL_UNREACHABLE') return []
    if (mistakes === undefined) throw error
    return mistakes
  } finally {
    await app.close()
  }
}

it('refuses every mistake that the schemas know of, and boots with the fixes that it gives', async () => {
  expect(await boot(fullHouse())).toEqual([])
  const told = new Set<string>()
  const failures: string[] = []
  for (const [room, plugin] of Object.entries(plugins)) {
    for (const { at, what, apply } of mutations(schemaOf(plugin), fullHouse()[room as keyof typeof plugins], [room])) {
      const options = fullHouse()
      apply(options)
      const mistakes = await boot(options)
      if (mistakes.length === 0) failures.push(`${at} ${what} is not refused`)
      if (
        mistakes.some(
          ({ path, rule, message, fix }) => path === '' || rule === '' || message === '' || fix.length === 0,
        )
      )
        failures.push(`${at} ${what} lacks a part`)
      const fixed = mended(options, mistakes)
      // Two gigabytes a hash are admitted, and more than a test should take.
      if (fixed.issuer.password?.memoryKiB === 2_097_152) fixed.issuer.password.memoryKiB = 8
      const left = await boot(fixed)
      if (left.length > 0) failures.push(`${at} ${what} is not mended: ${JSON.stringify(left)}`)
      for (const { rule } of mistakes) told.add(`${at.replaceAll(/\/\d+/g, '/*')} ${rule}`)
    }
  }
  expect(failures).toEqual([])
  process.stdout.write(`${told.size} distinct mistakes refused and mended\n`)
  expect(told.size).toBeGreaterThanOrEqual(60)
}, 240_000)

it('tells the mistakes of all rooms at once', async () => {
  const options = {
    cors: { orgins: ['https://app.example.com'] },
    rateLimit: { policies: [{ name: 'a', limit: '5', window: 60 }] },
    auht: {},
    headers: { contentSecurityPolicy: { 'script-src': ['self'] } },
  }
  const mistakes = await boot(options as never)
  expect(mistakes.map(({ path }) => path)).toEqual(
    expect.arrayContaining([
      'cors.orgins',
      'rateLimit.policies[0].limit',
      'auht',
      'headers.contentSecurityPolicy.script-src',
    ]),
  )
})

const good: [string, (house: House) => SecurityOptions][] = [
  ['nothing at all', () => ({})],
  ['everything', (house) => house],
  ['everything reported', (house) => ({ ...house, reportOnly: true })],
  ['headers off', () => ({ headers: false })],
  ['audit off', () => ({ audit: false })],
  ['both off', () => ({ headers: false, audit: false })],
  [
    'a room that takes its place without acting',
    () => ({ cors: { origins: ['https://a.example.com'], enabled: false } }),
  ],
  ['https alone', ({ https: own }) => ({ https: own })],
  ['https with a port', () => ({ https: { hosts: ['api.example.com:8443'] } })],
  ['https without HSTS', () => ({ https: { hosts: ['localhost'], hsts: false } })],
  ['https with preload', () => ({ https: { hosts: ['api.example.com'], hsts: { preload: true } } })],
  ['https with a plaintext port', () => ({ https: { hosts: ['localhost'], plaintext: { port: 0 } } })],
  ['headers for pages', () => ({ headers: { profile: 'web' } })],
  [
    'headers with a nonce of its own',
    () => ({ headers: { profile: 'web', contentSecurityPolicy: { 'style-src': ["'self'", "'nonce'"] } } }),
  ],
  ['headers with a cache', () => ({ headers: { cacheControl: 'public, max-age=60' } })],
  [
    'headers that report a stricter policy',
    () => ({ headers: { contentSecurityPolicyReportOnly: { 'img-src': ["'none'"] } } }),
  ],
  ['cors for one origin', () => ({ cors: { origins: ['https://app.example.com'] } })],
  ['cors for subdomains', () => ({ cors: { origins: ['https://*.example.com'] } })],
  ['cors for everybody', () => ({ cors: { origins: ['*'] } })],
  ['cors with credentials', () => ({ cors: { origins: ['https://app.example.com'], credentials: true } })],
  ['cors on loopback', () => ({ cors: { origins: ['http://localhost:5173'], credentials: true } })],
  ['cors that is not remembered', () => ({ cors: { origins: ['https://app.example.com'], maxAge: -1 } })],
  ['cors that refuses', () => ({ cors: { origins: ['https://app.example.com'], refuseForeignOrigins: true } })],
  ['a fixed window', () => ({ rateLimit: { policies: [{ name: 'a', limit: 1, window: 1 }] } })],
  [
    'a bucket',
    () => ({ rateLimit: { policies: [{ name: 'a', algorithm: 'token-bucket', limit: 10, window: 1, burst: 5 }] } }),
  ],
  [
    'several policies',
    () => ({
      rateLimit: {
        policies: [
          { name: 'a', limit: 1, window: 1 },
          { name: 'b', limit: 5, window: 60, partitionBy: () => 'all' },
        ],
      },
    }),
  ],
  [
    'policies by API key',
    () => ({ rateLimit: { policies: [{ name: 'a', limit: 1, window: 1, partitionBy: 'api-key' }] } }),
  ],
  [
    'policies by identity',
    ({ auth: own }) => ({
      auth: { jwt: own.jwt as never },
      rateLimit: { policies: [{ name: 'a', limit: 1, window: 1, partitionBy: 'identity' }] },
    }),
  ],
  ['a JWT issuer', ({ auth: own }) => ({ auth: { jwt: own.jwt as never } })],
  [
    'a shared secret',
    () => ({
      auth: {
        jwt: { key: 'K7gNU3sdo-OL0wNhqoVWhr3g6s1xYv72ol_pe_Unols', algorithms: ['HS256'], issuer: 'i', audience: 'a' },
      },
    }),
  ],
  ['API keys alone', ({ auth: own }) => ({ auth: { apiKeys: own.apiKeys as never } })],
  ['API keys from elsewhere', () => ({ auth: { apiKeys: { find: () => null } } })],
  ['Basic', () => ({ auth: { basic: { verify: () => null } } })],
  ['a gateway', ({ auth: own, gateway: routes }) => ({ auth: { jwt: own.jwt as never }, gateway: routes })],
  ['opaque tokens', ({ auth: own }) => ({ auth: { introspection: own.introspection as never } })],
  [
    'client certificates',
    ({ auth: own, https: over }) => ({ https: over, auth: { clientCertificate: own.clientCertificate as never } }),
  ],
  [
    'a gateway without auth, on purpose',
    ({ gateway: own }) => ({
      gateway: {
        ...own,
        routes: [{ match: { method: ['GET'], path: '/a' }, upstream: 'user-service' }],
        dangerouslyWithoutAuth: true,
      },
    }),
  ],
]

it.each(good)('boots with %s', async (_name, make) => {
  expect(await boot(make(fullHouse()))).toEqual([])
})
